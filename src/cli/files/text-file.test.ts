import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

import { readTextFile } from "#cli/files/text-file.ts";

const folder = mkdtempSync(join(tmpdir(), "lockstep-text-"));
after(() => rmSync(folder, { recursive: true }));
const { signal } = new AbortController();

test("a text is read whole up to the limit, and not beyond", async () => {
  const path = join(folder, "text");
  const text = "ä".repeat(50_000); // over several reads
  writeFileSync(path, text);
  assert.equal(await readTextFile(path, 100_000, signal), text);
  await assert.rejects(readTextFile(path, 99_999, signal), /longer than 99999 bytes/);
  await assert.rejects(readTextFile("/dev/zero", 1000, signal), /longer than 1000 bytes/);
});

test("what is no text, no file, or not there is refused", async () => {
  const path = join(folder, "bytes");
  writeFileSync(path, Uint8Array.of(0xff));
  await assert.rejects(readTextFile(path, 1000, signal), /not UTF-8/);
  await assert.rejects(readTextFile(folder, 1000, signal), { code: "EISDIR" });
  await assert.rejects(readTextFile(join(folder, "none"), 1000, signal), { code: "ENOENT" });
  await assert.rejects(readTextFile(path, 1000, AbortSignal.abort()), { name: "AbortError" });
});
