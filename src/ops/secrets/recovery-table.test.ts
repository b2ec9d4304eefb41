import assert from "node:assert/strict";
import { test } from "node:test";

import { parseRecoveryTable } from "#ops/secrets/recovery-table.ts";
import { recoveryText } from "#testing/volumes/bitlocker-entry-maker.ts";

const first = recoveryText([1, 2, 3, 4, 5, 6, 7, 8]);
const second = recoveryText([11, 12, 13, 14, 15, 16, 17, 18]);
const id = "4f2a91c0-52d1-4b0e-9c33-0a1b2c3d4e5f";
const otherId = "b7aa2d14-0c5e-4f7f-8d61-91a2b3c4d5e6";
const volume = "00112233-4455-6677-8899-aabbccddeeff";

function parsed(...lines: readonly string[]) {
  const found = parseRecoveryTable(lines.join("\r\n"), "export.csv");
  return found?.map(({ line, password, keyId, computer }) => [line, password, keyId, computer]) ?? null;
}

const dn = (guid: string, computer: string): string =>
  `CN=2019-03-05T13:44:10\\+01:00{${guid.toUpperCase()}},CN=${computer},OU=Servers,DC=example,DC=com`;

test("objects of Active Directory, as PowerShell exports them with its line of the type", () => {
  const table = parsed(
    "#TYPE Microsoft.ActiveDirectory.Management.ADObject",
    '"DistinguishedName","msFVE-RecoveryGuid","msFVE-RecoveryPassword","msFVE-VolumeGuid","Name","ObjectGUID"',
    `"${dn(id, "DC01")}","System.Byte[]","${first}","System.Byte[]","2019-03-05T13:44:10+01:00{${id}}","${volume}"`,
    `"${dn(otherId, "DB01")}","System.Byte[]","${second}","System.Byte[]","2020-01-01T00:00:00-00:00{${otherId}}","${volume}"`,
  );
  assert.deepEqual(table, [
    [3, first, id, "DC01"],
    [4, second, otherId, "DB01"],
  ]);
});

test("what csvde writes: bytes of a GUID in its own order", () => {
  const bytes = "c0912a4fd1520e4b9c330a1b2c3d4e5f";
  const table = parsed("DN,msFVE-RecoveryPassword,msFVE-RecoveryGuid", `"CN=x,DC=example",${first},X'${bytes}'`);
  assert.deepEqual(table, [[2, first, id, null]]);
});

test("semicolons and tabs, columns of other programs, computers with domain, dollar, or as a name", () => {
  assert.deepEqual(parsed("ComputerName;KeyID;RecoveryKey", `DC01.example.com;{${id}};${first}`), [
    [2, first, id, "DC01"],
  ]);
  assert.deepEqual(parsed("Computer\tPassword ID\tRecovery Password", `DC01$\t4F2A91C0\t${first}`), [
    [2, first, "4f2a91c0", "DC01"],
  ]);
  assert.deepEqual(parsed('"Device Name","BitLocker Password"', `"CN=DC01,OU=x","${first}"`), [
    [2, first, null, "DC01"],
  ]);
});

test("a row without a password is passed over, one with several has ids for none", () => {
  const table = parsed("computer,keyid,recoverykey", `a,${id},`, `b,${id},${first} ${second}`, `c,${otherId},${first}`);
  assert.deepEqual(table, [
    [3, first, null, "b"],
    [3, second, null, "b"],
    [4, first, otherId, "c"],
  ]);
});

test("what names no column of recovery passwords is no such table", () => {
  for (const head of ["name,kind,secret,note", "computer,password", "", first]) {
    assert.equal(parsed(head, `a,b,${first}`), null, head);
  }
});

test("a broken table is refused by its line, without its values", () => {
  assert.throws(
    () => parsed("computer,recoverykey", `a,"${first}`),
    (error: Error) => {
      assert.match(error.message, /export\.csv, line 2/);
      return !error.message.includes(first.slice(0, 6));
    },
  );
});

test("a column of several passwords a computer gives none of them the id beside it", () => {
  const table = parsed('"Computer";"Recovery Passwords";"Key ID"', `"DC01";"${first} ${second}";"${id}"`);
  assert.deepEqual(table, [
    [2, first, null, "DC01"],
    [2, second, null, "DC01"],
  ]);
});

test("one column alone is a text, in which GUIDs may stand", () => {
  assert.equal(parsed("BitLocker Drive Encryption recovery key ", id, first), null);
});
