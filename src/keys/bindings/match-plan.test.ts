import assert from "node:assert/strict";
import { test } from "node:test";

import { planMatch } from "#keys/bindings/match-plan.ts";
import type { MatchKnowledge } from "#keys/bindings/match-plan.ts";
import type { ValueKind, VersionId } from "#keys/store/model.ts";
import { versionName } from "#keys/versions/versions.ts";
import type { Version } from "#keys/versions/versions.ts";
import { someFacts, someProtector } from "#testing/volumes/volume-facts.ts";
import type { EncryptedHeader } from "#volume/header/encrypted-header.ts";
import type { EncryptedVolume, Protector } from "#volume/header/volume.ts";

const nothing: MatchKnowledge = { bound: new Set(), tried: new Map(), place: null, only: null };

const slot = (number: number, seconds: number): Protector =>
  someProtector({
    id: `keyslot ${number}`,
    fingerprint: `fingerprint ${number}`,
    cost: { kind: "pbkdf2", iterations: 1, memoryKiB: 0, lanes: 1, seconds },
  });
const recovery = someProtector({
  id: "4f2a91c0-52d1-4b0e-9c33-0a1b2c3d4e5f",
  fingerprint: "recovery",
  kind: "recovery-password",
  cost: { kind: "bitlocker", iterations: 1, memoryKiB: 0, lanes: 1, seconds: 1 },
});

function header(facts: Partial<EncryptedVolume>): Pick<EncryptedHeader, "facts" | "protectorsFor"> {
  const all = someFacts(facts);
  const wanted = (kind: string): Protector["kind"] => (kind === "recovery-password" ? kind : "passphrase");
  return { facts: all, protectorsFor: ({ kind }) => all.protectors.filter((each) => each.kind === wanted(kind)) };
}

let made = 0;
function version(keyName: string, more: Partial<Version> & { kind?: ValueKind } = {}): Version {
  made++;
  return {
    id: `version ${made}` as VersionId,
    key: "key" as Version["key"],
    keyName,
    number: 1,
    kind: "passphrase",
    origin: "given",
    note: "",
    createdMs: made,
    enabled: true,
    activatesMs: null,
    expiresMs: null,
    retiredMs: null,
    compromisedMs: null,
    compromisedWhy: null,
    deletedMs: null,
    destroyedMs: null,
    damagedMs: null,
    ...more,
  };
}

function plan(facts: Partial<EncryptedVolume>, versions: readonly Version[], known: Partial<MatchKnowledge> = {}) {
  return planMatch(header(facts), versions, { ...nothing, ...known }).map(
    ({ version: each, because, seconds }) => `${versionName(each)} ${because} ${seconds}`,
  );
}

test("what is bound comes first, then what is named for the volume, then the cheapest, and of these the newest", () => {
  const protectors = [slot(0, 2), slot(1, 3), recovery];
  const old = version("old");
  const cheap = version("cheap", { kind: "recovery-password" });
  const named = version("web01");
  const bound = version("other");
  const newer = version("newer");
  const known = { bound: new Set([bound.id]), place: { machine: "WEB01", disk: "root", volume: "disk" } };
  assert.deepEqual(plan({ protectors }, [old, cheap, named, bound, newer], known), [
    "other/v1 bound 5",
    "web01/v1 named 5",
    "cheap/v1 fits 1",
    "newer/v1 fits 5",
    "old/v1 fits 5",
  ]);
});

test("named are keys of the machine and its volumes, and those whose name or note has UUID, label or key ID", () => {
  const uuid = "3f6b0f3e-8d0c-4a52-9d0c-6f1f3c1f9b11";
  const facts = { uuid, label: "Root", protectors: [slot(0, 1), recovery] };
  const place = { machine: "web01", disk: "root", volume: "2" };
  for (const [name, note, isNamed] of [
    ["web01", "", true],
    ["web01.root.2", "", true],
    ["Web01", "", true],
    ["root", "", true],
    [uuid, "", true],
    ["x", `for the volume ${uuid.toUpperCase()}`, true],
    ["bitlocker-4F2A91C0", "", true],
    ["x", "key ID 4f2a91c0-52d1-4b0e-9c33-0a1b2c3d4e5f", true],
    ["web011", "", false],
    ["x", "", false],
    ["roots", "of web01", false],
  ] as const) {
    const expected = `${name}/v1 ${isNamed ? "named" : "fits"} 1`;
    assert.deepEqual(plan(facts, [version(name, { note })], { place }), [expected]);
  }
  const bare = { uuid: null, label: null, protectors: [slot(0, 1)] };
  assert.deepEqual(plan(bare, [version("null", { note: "null" })]), ["null/v1 fits 1"]);
});

test("left out is what fits no protector, or was tried on all that it fits", () => {
  const protectors = [slot(0, 1), slot(1, 1)];
  const known = version("known");
  const half = version("half");
  const tried = new Map([
    [known.id, new Set(["fingerprint 0", "fingerprint 1"])],
    [half.id, new Set(["fingerprint 0"])],
  ]);
  assert.deepEqual(plan({ protectors }, [known, half, version("bit", { kind: "recovery-password" })], { tried }), [
    "half/v1 fits 2",
  ]);
  assert.deepEqual(plan({ protectors }, [half], { tried, only: "keyslot 0" }), []);
  assert.deepEqual(plan({ protectors }, [half], { tried, only: "keyslot 1" }), ["half/v1 fits 1"]);
});

test("on a volume that no key reads, nothing is tried", () => {
  assert.deepEqual(plan({ protectors: [slot(0, 1)], unreadable: "OPAL" }, [version("a")]), []);
});
