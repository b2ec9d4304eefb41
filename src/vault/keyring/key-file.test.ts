import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";

import { utf8 } from "#bytes/text.ts";
import { isLockstepError } from "#errors/errors.ts";
import { seededRandom } from "#testing/random.ts";
import { KEY_FILE_LIMIT_BYTES, newFileKey, parseKeyFile, writeKeyFile } from "#vault/keyring/key-file.ts";

const key = newFileKey(seededRandom("key file"));
const text = writeKeyFile(key, ["Opens the vault\nin /backup/vault.", "Keep it from others."]);
const line = text.split("\n").at(-2) ?? "";

function parse(content: string): Uint8Array {
  return parseKeyFile("/etc/key", utf8(content)).bytes;
}

test("reads the key that it wrote, with comments, empty lines, Windows line ends and lower case", () => {
  assert.equal(text.split("\n").filter((each) => each.startsWith("# ")).length, 3);
  for (const same of [text, line, `\r\n# a\r\n  ${line.toLowerCase()}  \r\n\r\n#b`])
    assert.deepEqual(parse(same), key.bytes);
});

test("a character that was changed, added or left out is found", () => {
  for (let at = 0; at < line.length; at++) {
    const other = line[at] === "7" ? "8" : "7";
    for (const wrong of [other, "", `${line[at]}${line[at]}`]) {
      assert.throws(() => parse(line.slice(0, at) + wrong + line.slice(at + 1)), { code: "KEY_FILE_INVALID" });
    }
  }
});

test("says what is wrong with a file that is no key file", () => {
  const wrong: readonly (readonly [Uint8Array, RegExp])[] = [
    [utf8(""), /there is no key in it/],
    [utf8("# only a comment\n"), /there is no key in it/],
    [utf8(`${line}\n${line}\n`), /more than one line/],
    [utf8("AGE-SECRET-KEY-1QQ"), /does not start with LOCKSTEP-KEY-1-/],
    [utf8("LOCKSTEP-KEY-2-AB"), /a key of version 2/],
    [utf8(line.slice(0, -1)), /cut short/],
    [Uint8Array.of(0xff, 0xfe), /is not text/],
    [new Uint8Array(KEY_FILE_LIMIT_BYTES + 1), /too many/],
  ];
  for (const [bytes, message] of wrong) {
    assert.throws(() => parseKeyFile("/etc/key", bytes), { code: "KEY_FILE_INVALID", message });
  }
});

test("no message has any of the key", () => {
  const secret = line.slice("LOCKSTEP-KEY-1-".length, -10);
  const isSilent = (error: unknown): boolean =>
    isLockstepError(error, "KEY_FILE_INVALID") && !inspect(error).includes(secret.slice(0, 8));
  assert.throws(() => parse(`LOCKSTEP-KEY-1-${secret}-00000000`), isSilent);
  assert.throws(() => parse(`LOCKSTEP-KEY-1-${secret}`), isSilent);
});
