import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

import { createFile, replaceFile } from "#cli/files/durable-file.ts";
import { createKeyFile, readKeyFile, readOrCreateKeyFile } from "#cli/files/key-files.ts";
import type { Warning } from "#cli/output/output.ts";
import { seededRandom } from "#testing/random.ts";
import { newFileKey } from "#vault/keyring/key-file.ts";

const folder = mkdtempSync(join(tmpdir(), "lockstep-key-files-"));
after(() => rmSync(folder, { recursive: true }));
const random = seededRandom("key files");
const quiet = (warning: Warning): never => assert.fail(warning.message);

test("a key file is made once, for its owner alone, and read from then on", async () => {
  const path = join(folder, "new/folder/a.key");
  const first = await readOrCreateKeyFile(path, random, quiet);
  assert.ok(first.made);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(statSync(join(folder, "new")).mode & 0o777, 0o700);
  const second = await readOrCreateKeyFile(path, random, quiet);
  assert.deepEqual([second.made, second.key.bytes], [false, first.key.bytes]);
  await assert.rejects(createKeyFile(path, newFileKey(random), []), { code: "KEY_FILE_INVALID", message: /EEXIST/ });
});

test("one that others may read is warned of, and what cannot be read is an error", async () => {
  const path = join(folder, "b.key");
  await createKeyFile(path, newFileKey(random), ["For a test."]);
  chmodSync(path, 0o640);
  const warnings: string[] = [];
  await readKeyFile(path, ({ code }) => warnings.push(code));
  assert.deepEqual(warnings, ["KEY_FILE_EXPOSED"]);
  assert.equal(await readKeyFile(join(folder, "none.key"), quiet), null);
  mkdirSync(join(folder, "c.key"));
  await assert.rejects(
    readKeyFile(join(folder, "c.key"), () => undefined),
    { code: "KEY_FILE_INVALID" },
  );
  writeFileSync(path, "x".repeat(100_000));
  chmodSync(path, 0o600);
  await assert.rejects(readKeyFile(path, quiet), { code: "KEY_FILE_INVALID", message: /too many/ });
});

test("a file is made or replaced whole, and nothing else is left in its folder", async () => {
  const own = join(folder, "durable");
  mkdirSync(own);
  const path = join(own, "file");
  await createFile(path, "one", 0o600);
  await assert.rejects(createFile(path, "two", 0o600), { code: "EEXIST" });
  assert.equal(readFileSync(path, "utf8"), "one");
  await replaceFile(path, "two", 0o640);
  assert.equal(readFileSync(path, "utf8"), "two");
  assert.equal(statSync(path).mode & 0o777, 0o640);
  assert.deepEqual(readdirSync(own), ["file"]);
});
