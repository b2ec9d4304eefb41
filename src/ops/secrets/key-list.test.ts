import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { fromUtf8, utf8 } from "#bytes/text.ts";
import { LockstepError } from "#errors/errors.ts";
import { parseKeyList } from "#ops/secrets/key-list.ts";
import type { ReadKeyFile } from "#ops/secrets/key-list.ts";

const noFile = (): Promise<Uint8Array> => Promise.reject(new Error("no file is to be read"));

async function listed(
  text: string,
  readFile: ReadKeyFile = noFile,
): Promise<readonly (readonly [number, string, string, string])[]> {
  const secrets = await parseKeyList(utf8(text), "old.csv", readFile);
  return secrets.map(({ line, name, secret }) => {
    return [line, name, secret.kind, fromUtf8(secret.secret.bytes)] as const;
  });
}

const RECOVERY = "110000-220000-330000-440000-550000-660000-110011-220022";

test("columns come in any order, kinds are guessed where they are left out, lines are those of the file", async () => {
  const text = `secret,name,note\n"a ""quoted"", one",web01,\n\n${RECOVERY},DC01,"two\nlines"\nhunter2,,\n`;
  assert.deepEqual(await listed(text), [
    [2, "web01", "passphrase", 'a "quoted", one'],
    [4, "DC01", "recovery-password", RECOVERY],
    [6, "", "passphrase", "hunter2"],
  ]);
});

test("a recovery password is known however people type it, and other digits are a passphrase", async () => {
  const kindOf = async (text: string): Promise<string | undefined> => (await listed(`secret\n${text}\n`))[0]?.[2];
  for (const between of ["-", " ", "\u2013", " - ", ""]) {
    assert.equal(await kindOf(RECOVERY.replaceAll("-", between)), "recovery-password", `"${between}"`);
  }
  assert.equal(
    await kindOf(RECOVERY.replace("110011", "110012")),
    "recovery-password",
    "mistyped, which is said later",
  );
  for (const digits of ["1".repeat(47) + "2", "0".repeat(47), "0".repeat(49), `${RECOVERY}-110000`]) {
    assert.equal(await kindOf(digits), "passphrase", digits);
  }
});

test("key files and startup keys are read from the files that the list names", async () => {
  const read = (path: string): Promise<Uint8Array> => Promise.resolve(utf8(`bytes of ${path}`));
  const text = "name,kind,secret\na,key-file,keys/a\nb,,B.BEK\n";
  assert.deepEqual(await listed(text, read), [
    [2, "a", "key-file", "bytes of keys/a"],
    [3, "b", "startup-key", "bytes of B.BEK"],
  ]);
});

test("a mark of the byte order and Windows' line ends do no harm, blanks in a passphrase stay", async () => {
  assert.deepEqual(await listed("\uFEFFsecret\r\n with blanks \r\n"), [[2, "", "passphrase", " with blanks "]]);
});

for (const [what, text, line] of [
  ["no columns that are known", "a,b\n1,2\n", 1],
  ["no column for the secret", "name,kind\n1,2\n", 1],
  ["an empty secret", "name,secret\nx,\n", 2],
  ["a kind that is none", "kind,secret\npassword,hunter2\n", 2],
  ["more values than columns", "secret\nhunter2,hunter3\n", 2],
  ["an open quote", 'secret\nhunter2\n"hunter3\n', 3],
  ["nothing", "", 1],
] as const) {
  test(`${what}: refused by its line, and the message has no secret in it`, async () => {
    await assert.rejects(parseKeyList(utf8(text), "old.csv", noFile), (error: unknown) => {
      assert.ok(error instanceof LockstepError && error.code === "KEY_LIST_INVALID");
      assert.match(error.message, new RegExp(`old\\.csv, line ${line}:`));
      assert.doesNotMatch(`${error.message} ${error.hint}`, /hunter/);
      return true;
    });
  });
}

test("whatever the file, it is a list or an error that is meant", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.uint8Array(),
        fc.string().map((text) => utf8(`secret,name\n${text}`)),
      ),
      async (bytes) => {
        await parseKeyList(bytes, "x.csv", noFile).catch((error: unknown) => {
          if (!(error instanceof LockstepError) && !(error instanceof Error && /no file/.test(error.message)))
            throw error;
        });
      },
    ),
  );
});

test("columns may be parted by semicolons or tabs, and secrets have commas then", async () => {
  for (const between of [";", "\t"]) {
    assert.deepEqual(await listed(`name${between}secret\nweb01${between}a,b\n`), [[2, "web01", "passphrase", "a,b"]]);
  }
});
