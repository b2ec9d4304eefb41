import assert from "node:assert/strict";
import { test } from "node:test";

import { protectorsTried } from "#keys/bindings/tries.ts";
import { someFacts, someProtector } from "#testing/volumes/volume-facts.ts";
import type { VolumeState } from "#volume/header/volume.ts";

const protectors = (
  [
    ["slot 0", "passphrase", null],
    ["slot 1", "passphrase", null],
    ["slot 2", "passphrase", "its key material cannot be read"],
    ["slot 3", "unknown", "nobody knows"],
    ["number", "recovery-password", null],
    ["tpm", "tpm", "it needs the TPM"],
  ] as const
).map(([id, kind, unusable]) => someProtector({ id, kind, unusable, fingerprint: id }));

/** What is known of a value's kind after it was rejected. */
function tried(kind: "passphrase" | "recovery-password", only: string | null = null, state: VolumeState = "encrypted") {
  const facts = someFacts({ protectors, state });
  const protectorsFor = () => protectors.filter((each) => each.unusable === null && each.kind === kind);
  return protectorsTried({ facts, protectorsFor }, kind, only);
}

test("a value that was rejected opens nothing that it was tried on, and nothing of other kinds", () => {
  assert.deepEqual(tried("passphrase"), ["slot 0", "slot 1", "number", "tpm"]);
  assert.deepEqual(tried("recovery-password"), ["slot 0", "slot 1", "slot 2", "number", "tpm"]);
});

test("tried on one protector, it may open others of its kind", () => {
  assert.deepEqual(tried("passphrase", "slot 1"), ["slot 1", "number", "tpm"]);
});

test("of a volume in conversion, which takes two keys, a rejection says nothing", () => {
  assert.deepEqual(tried("passphrase", null, "converting"), []);
});
