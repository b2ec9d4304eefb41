import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { readHostCredential } from "#main/wiring/host-credential.ts";

test("a credential that cannot be read is no bug: the key store stays sealed, and says why; one that is not there is none", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "lockstep-credential-"));
  t.after(() => rmSync(folder, { recursive: true }));
  assert.equal(await readHostCredential(folder, { folder }), null);
  mkdirSync(join(folder, "lockstep-key-store"));
  const message = /reading the credential .*lockstep-key-store failed: it is a folder/;
  await assert.rejects(readHostCredential(folder, { folder }), { code: "KEY_FILE_INVALID", message });
});
