import assert from "node:assert/strict";
import { test } from "node:test";

import type { ShownVersion } from "#api/keys.ts";
import type { RolloverFacts } from "#api/rollover.ts";
import type { BindingFacts } from "#api/values.ts";
import { chooseTarget } from "#cli/steps/rollover-target.ts";

const anyTime = "2026-01-01T00:00:00Z";

function binding(id: string, version: string, more: Partial<BindingFacts> = {}): BindingFacts {
  return {
    id,
    version,
    protector: "a".repeat(64),
    protectorId: "keyslot 0",
    protectorKind: "passphrase",
    volumeIdentity: "b".repeat(64),
    volumeFormat: "luks2",
    volumeUuid: null,
    place: { machine: "web01", disk: "root", volume: "2" },
    source: "live",
    boundBy: "custodian",
    boundAt: anyTime,
    retiredAt: null,
    ...more,
  };
}

function version(name: string, bindings: readonly BindingFacts[], deletedAt: string | null = null): ShownVersion {
  const facts = {
    id: name,
    name,
    kind: "passphrase",
    origin: "given",
    note: "",
    createdAt: anyTime,
    enabled: true,
  } as const;
  const dates = {
    activatesAt: null,
    expiresAt: null,
    retiredAt: null,
    compromisedAt: null,
    deletedAt,
    destroyedAt: null,
    damagedAt: null,
  };
  return { version: { ...facts, ...dates }, bindings: [...bindings], needs: [], certificate: null, copies: [] };
}

function rollover(of: BindingFacts, newVersion: string, endedAt: string | null = null): RolloverFacts {
  return {
    id: `rollover of ${of.id}`,
    step: "tried",
    executor: "cryptsetup",
    slot: 1,
    oldVersion: of.version,
    newVersion,
    binding: of,
    begunBy: "custodian",
    begunAt: anyTime,
    changedAt: anyTime,
    endedAt,
    provenAt: null,
  };
}

const wish = { name: "web01", disk: null, volume: null, begunOnly: false };
const root = binding("root", "web01/v1");
const data = binding("data", "web01/v1", {
  volumeIdentity: "c".repeat(64),
  place: { machine: "web01", disk: "data", volume: "disk" },
});

test("the only live protector of a key is meant, and none that is gone or of a deleted version", () => {
  const gone = binding("gone", "web01/v1", { retiredAt: anyTime });
  const deleted = version("web01/v2", [binding("deleted", "web01/v2")], anyTime);
  const target = chooseTarget(wish, [version("web01/v1", [root, gone]), deleted], []);
  assert.deepEqual(target, { binding: root, underWay: null });
});

test("several are told apart by disk and volume, and listed where nobody does", () => {
  const versions = [version("web01/v1", [root, data])];
  assert.throws(() => chooseTarget(wish, versions, []), {
    code: "NAME_AMBIGUOUS",
    hint: /root, 2, of web01; .*data, disk/,
  });
  assert.equal(chooseTarget({ ...wish, disk: "data" }, versions, []).binding.id, "data");
  assert.equal(chooseTarget({ ...wish, volume: "2" }, versions, []).binding.id, "root");
});

test("two protectors of a volume that one version opens are replaced together", () => {
  const twin = binding("twin", "web01/v1", { protector: "d".repeat(64), protectorId: "keyslot 3" });
  assert.equal(chooseTarget(wish, [version("web01/v1", [root, twin])], []).binding.id, "root");
  const begun = rollover(twin, "web01/v2");
  assert.equal(chooseTarget(wish, [version("web01/v1", [root, twin])], [begun]).underWay?.id, begun.id);
});

test("of a volume that was re-encrypted, the binding of now is meant and not the one of before", () => {
  const before = { ...root, boundAt: "2025-01-01T00:00:00Z" };
  const now = binding("now", "web01/v1", { volumeIdentity: "e".repeat(64), protectorId: "keyslot 1" });
  for (const bindings of [
    [before, now],
    [now, before],
  ]) {
    assert.equal(chooseTarget(wish, [version("web01/v1", bindings)], []).binding.id, "now");
  }
  const next = { ...now, version: "web01/v2" };
  const both = [version("web01/v1", [before]), version("web01/v2", [next])];
  assert.equal(chooseTarget(wish, both, []).binding.version, "web01/v2");
  const unplaced = { ...now, place: null };
  assert.throws(() => chooseTarget(wish, [version("web01/v1", [before, unplaced])], []), { code: "NAME_AMBIGUOUS" });
});

test("what is under way is gone on with, and its new version is not rolled over meanwhile", () => {
  const begun = rollover(root, "web01/v2");
  const versions = [version("web01/v1", [root]), version("web01/v2", [binding("new", "web01/v2")])];
  assert.deepEqual(chooseTarget(wish, versions, [begun]), { binding: root, underWay: begun });
  assert.deepEqual(chooseTarget({ ...wish, begunOnly: true }, versions, [begun]).underWay, begun);
});

test("one that has ended is over: the new version is what is rolled over next", () => {
  const ended = rollover(root, "web01/v2", anyTime);
  const next = binding("new", "web01/v2");
  const versions = [version("web01/v1", [{ ...root, retiredAt: anyTime }]), version("web01/v2", [next])];
  assert.deepEqual(chooseTarget(wish, versions, [ended]), { binding: next, underWay: null });
  assert.throws(() => chooseTarget({ ...wish, begunOnly: true }, versions, [ended]), { code: "NAME_UNKNOWN" });
});

test("a key that opens no live volume has nothing to roll over", () => {
  assert.throws(() => chooseTarget(wish, [version("web01/v1", [])], []), { code: "NOT_BOUND", hint: /key match DISK/ });
});

test("a disk that the key side knows by another name is said with the names that it knows", () => {
  assert.throws(() => chooseTarget({ ...wish, disk: "swap" }, [version("web01/v1", [root])], []), {
    code: "NAME_UNKNOWN",
    message: "rolling over web01 on swap: the key side knows it as web01/v1 on root, 2, of web01",
  });
});
