import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { readHostCredential, sealedBy } from "#main/wiring/host-credential.ts";

test("a credential that cannot be read is no bug: the key store stays sealed, and says why; one that is not there is none", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "lockstep-credential-"));
  t.after(() => rmSync(folder, { recursive: true }));
  assert.equal(await readHostCredential(folder, { folder }), null);
  mkdirSync(join(folder, "lockstep-key-store"));
  const message = /reading the credential .*lockstep-key-store failed: it is a folder/;
  await assert.rejects(readHostCredential(folder, { folder }), { code: "KEY_FILE_INVALID", message });
});

/** The beginning of what systemd 252 writes: what sealed it, and the sizes of key, block, IV and tag. */
const sizes = "20000000010000000c00000010000000";

test("a credential says what sealed it", () => {
  const text = (kind: string): string => Buffer.from(`${kind}${sizes}`, "hex").toString("base64");
  assert.equal(sealedBy(text("93a894094874449090caf2fc93cab553")), "tpm");
  assert.equal(sealedBy(text("ef4ac13679a9480ea7db68897f9f165d")), "tpm");
  assert.equal(sealedBy(text("5a1c6a86df9d4096b1d5a65e0862f19a")), "host");
});
