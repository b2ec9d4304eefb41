import assert from "node:assert/strict";
import { test } from "node:test";

import { fromUtf8, utf8 } from "#bytes/text.ts";
import { isLockstepError } from "#errors/errors.ts";
import { memoryStore } from "#store/memory.ts";
import { seededRandom } from "#testing/random.ts";
import { parseVaultFile, readVaultFiles, writeVaultFile } from "#vault/keyring/vault-file.ts";
import { newId } from "#vault/object/ids.ts";
import type { VaultId } from "#vault/object/ids.ts";

const { signal } = new AbortController();
const random = seededRandom("vault file");
const file = {
  id: newId<VaultId>(random),
  createdAt: Temporal.Instant.from("2026-11-23T14:05:00Z"),
  rootCommitment: random(32),
};
const bytes = writeVaultFile(file);

function changed(change: object): Uint8Array {
  return utf8(JSON.stringify({ ...(JSON.parse(fromUtf8(bytes)) as object), ...change }));
}

test("reads what it wrote", () => {
  assert.deepEqual(parseVaultFile("vault.json", bytes), file);
});

test("a newer format, or a feature that it must know, is told from damage", () => {
  for (const newer of [{ version: 2 }, { version: 7, id: 5 }, { incompatible: ["shards"] }]) {
    assert.throws(() => parseVaultFile("vault.json", changed(newer)), {
      code: "VAULT_NEWER",
      message: /does not know/,
    });
  }
  assert.deepEqual(parseVaultFile("vault.json", changed({ compatible: ["notes"], notes: "x" })), file);
});

test("JSON of something else is no vault", () => {
  for (const other of [{ format: "restic" }, { format: 1 }]) {
    assert.throws(() => parseVaultFile("vault.json", changed(other)), { code: "VAULT_MISSING" });
  }
  for (const text of ["[]", "null", "3"]) {
    assert.throws(() => parseVaultFile("vault.json", utf8(text)), { code: "VAULT_MISSING" });
  }
});

test("a field that is missing or impossible is named", () => {
  for (const [name, wrong] of [
    ["id", "xyz"],
    ["createdAt", "yesterday"],
    ["createdAt", "2026-13-40T99:00:00Z"],
    ["rootCommitment", "00"],
    ["compatible", null],
  ] as const) {
    const message = new RegExp(`vault\\.json: ${name}: `);
    assert.throws(() => parseVaultFile("vault.json", changed({ [name]: wrong })), { code: "VAULT_CORRUPT", message });
  }
});

test("cut anywhere, it is refused with an error of ours", () => {
  for (let length = 0; length < bytes.length - 2; length++) {
    assert.throws(() => parseVaultFile("vault.json", bytes.subarray(0, length)), isLockstepError);
  }
});

test("a store without it is no vault, and the second copy stands in for one that is missing or damaged", async () => {
  const store = memoryStore({ singleDisk: true });
  await assert.rejects(readVaultFiles(store, signal), { code: "VAULT_MISSING" });
  await store.put("copies/vault.json", [bytes], {}, signal);
  const lost = await readVaultFiles(store, signal);
  assert.deepEqual(lost.files, [file]);
  assert.match(lost.warnings.join(), /vault\.json is missing/);
  assert.deepEqual(lost.unstored, [{ key: "vault.json", bytes }]);

  await store.put("vault.json", [utf8("{")], {}, signal);
  const damaged = await readVaultFiles(store, signal);
  assert.deepEqual(damaged.files, [file]);
  assert.match(damaged.warnings.join(), /it is not JSON/);
});
