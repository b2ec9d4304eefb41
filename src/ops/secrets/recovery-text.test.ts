import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { findRecoveryPasswords } from "#ops/secrets/recovery-text.ts";
import { recoveryText } from "#testing/volumes/bitlocker-entry-maker.ts";

const first = recoveryText([1, 2, 3, 4, 5, 6, 7, 8]);
const second = recoveryText([11, 12, 13, 14, 15, 16, 17, 18]);
const idOfFirst = "4f2a91c0-52d1-4b0e-9c33-0a1b2c3d4e5f";
const idOfSecond = "b7aa2d14-0c5e-4f7f-8d61-91a2b3c4d5e6";
const other = "00112233-4455-6677-8899-aabbccddeeff";

function found(text: string): (readonly [number, string, string | null])[] {
  return findRecoveryPasswords(text).map(({ line, password, keyId }) => [line, password, keyId]);
}

test("the file that Windows saves has its identifier before its key", () => {
  const text = [
    "Wiederherstellungsschlüssel für die BitLocker-Laufwerkverschlüsselung ",
    "",
    "Bezeichner:",
    "",
    `\t${idOfFirst.toUpperCase()}`,
    "",
    "Wiederherstellungsschlüssel:",
    "",
    `\t${first}`,
    "",
  ].join("\r\n");
  assert.deepEqual(found(text), [[9, first, idOfFirst]]);
});

test("of several protectors, each password has the GUID right before it", () => {
  const text = `Volume C: [OS]
    TPM:
      ID: {${other}}
    Mot de passe numérique :
      ID : {${idOfFirst}}
      Mot de passe :
        ${first}
    Clé externe :
      ID : {${other}}
      Nom du fichier de clé externe :
        ${other.toUpperCase()}.BEK
    Mot de passe numérique :
      ID : {${idOfSecond}}
      Mot de passe :
        ${second}
`;
  assert.deepEqual(found(text), [
    [7, first, idOfFirst],
    [15, second, idOfSecond],
  ]);
});

test("where the text begins with a password, GUIDs follow", () => {
  const shown = (password: string, id: string): string =>
    `Recovery Password:\n  ${password}\nComputer: DC01.example.com\nPassword ID: ${id}\n\n`;
  assert.deepEqual(found(shown(first, idOfFirst) + shown(second, idOfSecond)), [
    [2, first, idOfFirst],
    [7, second, idOfSecond],
  ]);
});

test("passwords without a GUID are found as well, and dashes are hyphens", () => {
  const dashed = first.replaceAll("-", "\u2011");
  assert.deepEqual(found(`${dashed}\n${second}`), [
    [1, dashed, null],
    [2, second, null],
  ]);
});

test("longer rows of digits are no passwords", () => {
  for (const text of [`1${first}`, `${first}1`, `${first}-000011`, `000011-${first}`, first.slice(7), ""]) {
    assert.deepEqual(found(text), [], text);
  }
});

test("whatever is around them, all passwords are found with their GUIDs", () => {
  const words = fc.string({ unit: fc.constantFrom("a", "é", " ", "\n", ":", "{", "漢") });
  const numbers = fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 8, maxLength: 8 });
  const entry = fc.record({ id: fc.uuid(), numbers, before: words, between: words });
  fc.assert(
    fc.property(fc.array(entry), (entries) => {
      const text = entries
        .map(({ id, numbers: shorts, before, between }) => `${before} ${id} ${between} ${recoveryText(shorts)}\n`)
        .join("");
      assert.deepEqual(
        findRecoveryPasswords(text).map(({ password, keyId }) => [password, keyId]),
        entries.map(({ id, numbers: shorts }) => [recoveryText(shorts), id]),
      );
    }),
  );
});

test("GUIDs that are named as those of something else are of no password", () => {
  const json = `[{"id":"${idOfFirst}","volumeType":"1","deviceId":"${other}","key":"${first}"}]`;
  assert.deepEqual(found(json), [[1, first, idOfFirst]]);
  const list = `msFVE-RecoveryPassword : ${first}\nObjectClass            : x\nObjectGUID             : ${other}\n`;
  assert.deepEqual(found(list), [[1, first, null]]);
});

test("blanks between the groups are as good as hyphens", () => {
  const typed = first.replaceAll("-", " ");
  assert.deepEqual(found(`ID: {${idOfFirst}} ${typed}\n`), [[1, typed, idOfFirst]]);
});
