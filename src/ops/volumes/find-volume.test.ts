import assert from "node:assert/strict";
import { test } from "node:test";

import { LockstepError } from "#errors/errors.ts";
import { findVolume } from "#ops/volumes/find-volume.ts";
import { mapOf, someFacts, someVolume } from "#testing/volumes/volume-facts.ts";
import type { FoundHeader, MappedVolume } from "#volume/inspect.ts";
import { memorySource } from "#volume/source/source.ts";

const failure = { code: "HEADER_CORRUPT", message: "LUKS1 header: cut short" } as const;
const sealed = (name: string): MappedVolume => someVolume({ name, encrypted: someFacts() });
const plain = (name: string): MappedVolume => someVolume({ name });
const damaged = (name: string): MappedVolume => someVolume({ name, failure });

function find(volumes: readonly MappedVolume[], name: string | null): string {
  const header: FoundHeader["header"] = {
    facts: someFacts(),
    protectorsFor: () => [],
    protectorsOnRequest: () => [],
    unlock: () => assert.fail("unlocked"),
    mapping: () => assert.fail("mapped"),
  };
  const source = memorySource(new Uint8Array());
  const encrypted = volumes.filter((each) => each.encrypted !== null);
  const headers = new Map(encrypted.map((each) => [each.name, { header, source }]));
  const broken = volumes.filter((each) => each.failure !== null);
  const hint = "Look for a copy.";
  const failures = new Map(
    broken.map((each) => [each.name, new LockstepError(failure.code, failure.message, { hint })]),
  );
  return findVolume({ map: mapOf(...volumes), headers, failures }, "web01.raw", name).volume.name;
}

test("the only encrypted volume need not be named, and one of several must be", () => {
  assert.equal(find([plain("1"), sealed("2")], null), "2");
  assert.equal(find([sealed("1"), sealed("2")], "1"), "1");
  assert.throws(() => find([sealed("1"), plain("2"), sealed("3")], null), {
    code: "ARGUMENT_INVALID",
    message: "web01.raw has several encrypted volumes, and nothing says which",
    hint: "Give --volume with one of 1, 3.",
  });
});

test("a volume that could not be looked at counts only where none is known to be encrypted, and says why", () => {
  assert.equal(find([damaged("1"), sealed("2")], null), "2");
  const why = { code: "HEADER_CORRUPT", message: "web01.raw: LUKS1 header: cut short", hint: "Look for a copy." };
  assert.throws(() => find([plain("1"), damaged("2")], null), why);
  assert.throws(() => find([damaged("1"), sealed("2")], "1"), why);
  assert.throws(() => find([damaged("1"), damaged("2")], null), {
    code: "ARGUMENT_INVALID",
    message: "web01.raw has several volumes that could not be looked at, and nothing says which",
  });
});

test("what is not there or not encrypted is said, with what there is", () => {
  const missing = (message: string): object => ({ code: "VOLUME_MISSING", message });
  assert.throws(() => find([plain("1"), plain("2")], null), missing("web01.raw has no encrypted volume; it has 1, 2"));
  assert.throws(() => find([], null), missing("web01.raw has no encrypted volume; it has none"));
  assert.throws(() => find([sealed("1")], "2"), missing("web01.raw has no volume 2; it has 1"));
  assert.throws(() => find([plain("1")], "1"), missing("volume 1 of web01.raw is not encrypted"));
});
