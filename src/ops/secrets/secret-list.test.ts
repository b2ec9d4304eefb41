import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";

import fc from "fast-check";

import { fromUtf8, utf8 } from "#bytes/text.ts";
import { isLockstepError } from "#errors/errors.ts";
import { parseSecretList } from "#ops/secrets/secret-list.ts";
import { recoveryText } from "#testing/volumes/bitlocker-entry-maker.ts";

const password = recoveryText([1, 2, 3, 4, 5, 6, 7, 8]);
const id = "4f2a91c0-52d1-4b0e-9c33-0a1b2c3d4e5f";
const noFile = (): Promise<Uint8Array> => Promise.reject(new Error("no file is to be read"));

async function parsed(bytes: Uint8Array) {
  const secrets = await parseSecretList(bytes, "file", noFile);
  return secrets.map(({ line, name, secret, from, keyId, computer }) => ({
    line,
    name,
    secret: [secret.kind, fromUtf8(secret.secret.bytes)],
    from,
    keyId,
    computer,
  }));
}

const recovery = { secret: ["recovery-password", password], from: "file" };

test("a list of ours, in UTF-8 or as Windows writes UTF-16", async () => {
  const expected = [{ line: 2, name: "web01", secret: ["passphrase", "é"], from: "file", keyId: null, computer: null }];
  const text = 'name,"secret"\nweb01,é\n';
  assert.deepEqual(await parsed(utf8(text)), expected);
  assert.deepEqual(await parsed(Buffer.from(`\uFEFF${text}`, "utf16le")), expected);
  assert.deepEqual(await parsed(Buffer.from(`\uFEFF${text}`, "utf16le").swap16()), expected);
  await assert.rejects(parsed(Buffer.from(text, "latin1")), { code: "KEY_LIST_INVALID", message: /not UTF-8/ });
});

test("the file that Windows saves, and what a console of another code page printed", async () => {
  const text = `Identifiant :\r\n\r\n\t${id.toUpperCase()}\r\n\r\nClé :\r\n\r\n\t${password}\r\n`;
  const expected = [{ ...recovery, line: 7, name: id, keyId: id, computer: null }];
  assert.deepEqual(await parsed(Buffer.from(`\uFEFF${text}`, "utf16le")), expected);
  assert.deepEqual(await parsed(Buffer.from(text, "latin1")), expected);
});

test("the English file, whose first line could name a column of recovery passwords, keeps its identifier", async () => {
  const text = `BitLocker Drive Encryption recovery key \r\n\r\nIdentifier:\r\n\t${id}\r\nRecovery Key:\r\n\t${password}\r\n`;
  const expected = [{ ...recovery, line: 6, name: id, keyId: id, computer: null }];
  assert.deepEqual(await parsed(Buffer.from(`\uFEFF${text}`, "utf16le")), expected);
  assert.deepEqual(await parsed(Buffer.from(text, "utf16le")), expected, "without the mark of the byte order");
});

test("no line of a list that a spreadsheet wrote with semicolons is lost, a recovery password in it or not", async () => {
  const secrets = await parsed(utf8(`name;secret\ndc01;${password}\nweb01;"hunter2,a"\n`));
  assert.deepEqual(
    secrets.map(({ name, secret }) => [name, ...secret]),
    [
      ["dc01", "recovery-password", password],
      ["web01", "passphrase", "hunter2,a"],
    ],
  );
});

test("a table of recovery passwords", async () => {
  const text = `Computer,RecoveryKeyId,RecoveryKey\nDC01,,${password}\n`;
  assert.deepEqual(await parsed(utf8(text)), [{ ...recovery, line: 2, name: "DC01", keyId: null, computer: "DC01" }]);
});

test("a file without secrets is refused", async () => {
  for (const text of ["", "a,b\n1,2\n", "ComputerName,RecoveryKey\nDC01,\n", "hello"]) {
    await assert.rejects(parsed(utf8(text)), { code: "KEY_LIST_INVALID" }, text);
  }
});

test("whatever the file, it is a list or an error that is meant", async () => {
  const heads = fc.constantFrom("secret\n", "computer;recoverykey\n", "#TYPE x\nrecoverykey,a\n", "\uFEFF", "");
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.uint8Array(),
        fc.tuple(heads, fc.string()).map((all) => utf8(all.join(""))),
      ),
      async (bytes) => {
        await parseSecretList(bytes, "x", noFile).catch((error: unknown) => {
          if (!isLockstepError(error) && !/no file/.test(String(error))) throw error;
        });
      },
    ),
  );
});
