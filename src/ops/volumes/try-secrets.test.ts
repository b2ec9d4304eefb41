import assert from "node:assert/strict";
import { test } from "node:test";

import { Secret } from "#bytes/secret.ts";
import { fromUtf8, utf8 } from "#bytes/text.ts";
import { LockstepError } from "#errors/errors.ts";
import type { ErrorCode } from "#errors/errors.ts";
import type { ListedSecret } from "#ops/secrets/key-list.ts";
import { planTrials, trySecrets } from "#ops/volumes/try-secrets.ts";
import type { TriedSecrets } from "#ops/volumes/try-secrets.ts";
import { someFacts, someProtector } from "#testing/volumes/volume-facts.ts";
import type { EncryptedHeader } from "#volume/header/encrypted-header.ts";
import type { VolumeSecret } from "#volume/header/volume-secret.ts";
import type { EncryptedVolume, Protector } from "#volume/header/volume.ts";
import type { FoundHeader } from "#volume/inspect.ts";
import { memorySource } from "#volume/source/source.ts";

const { signal } = new AbortController();
const terms = { kdf: { derive: () => assert.fail("derived") }, limit: { memoryKiB: 0, seconds: 60 } };

const recovery = "4381f759-c4f8-4de0-bb61-fc33a831bda5";
const otherRecovery = "294bc732-f82f-404c-a2ce-d1094ed59506";

const kindsOf: Readonly<Record<VolumeSecret["kind"], readonly Protector["kind"][]>> = {
  passphrase: ["passphrase", "password"],
  "key-file": ["passphrase"],
  "recovery-password": ["recovery-password"],
  "startup-key": ["startup-key"],
  "volume-key": [],
  none: ["clear-key"],
};

/** A header that a secret opens whose text is its protector's label; `broken` is what an unlock fails with otherwise. */
function header(
  facts: Partial<EncryptedVolume>,
  broken: ErrorCode = "SECRET_REJECTED",
  onRequest: readonly Protector[] = [],
): FoundHeader & { tried: string[] } {
  const tried: string[] = [];
  const all = someFacts(facts);
  const fitting = (secret: Pick<VolumeSecret, "kind">): readonly Protector[] =>
    all.protectors.filter(({ kind }) => kindsOf[secret.kind].includes(kind));
  const fake: EncryptedHeader = {
    facts: all,
    protectorsFor: fitting,
    protectorsOnRequest: () => onRequest,
    unlock: (secret, { only }) => {
      const text = secret.kind === "none" ? "none" : fromUtf8(secret.secret.bytes);
      tried.push(only === null ? text : `${text} on ${only}`);
      const tryable = only === null ? fitting(secret) : [...fitting(secret), ...onRequest];
      const protector = tryable.find(({ id, label }) => label === text && (only === null || id === only));
      if (protector === undefined) return Promise.reject(new LockstepError(broken, "it did not open"));
      return Promise.resolve({ protector, others: [], volumeKeys: [], [Symbol.dispose]: () => undefined });
    },
    mapping: () => assert.fail("mapped"),
  };
  return { header: fake, source: memorySource(new Uint8Array()), tried };
}

function listed(
  line: number,
  text: string,
  name = "",
  kind: "passphrase" | "recovery-password" = "passphrase",
): ListedSecret {
  return { line, name, secret: { kind, secret: new Secret(utf8(text)) }, note: "" };
}

function tryAll(found: FoundHeader, secrets: readonly ListedSecret[], told: number[] = []): Promise<TriedSecrets> {
  const trials = planTrials(found, "/images/web01.raw", secrets);
  return trySecrets(found, trials, terms, ({ secret }) => void told.push(secret.line), signal);
}

const slot = (id: number, label: string, seconds: number): Protector =>
  someProtector({
    id: `keyslot ${id}`,
    label,
    cost: { kind: "pbkdf2", iterations: 1, memoryKiB: 0, lanes: 1, seconds },
  });
const recoveryOf = (id: string, label: string): Protector => someProtector({ id, label, kind: "recovery-password" });

test("secrets that the list names for the volume are tried first, then the cheapest", () => {
  const protectors = [slot(0, "a", 3), { ...slot(1, "b", 2), kind: "recovery-password" } as const];
  const found = header({ protectors, label: "Root" });
  const secrets = [listed(2, "x"), listed(3, "y", "", "recovery-password"), listed(4, "z", "WEB01")];
  const plan = (path: string) => planTrials(found, path, secrets).map(({ secret, seconds }) => [secret.line, seconds]);
  assert.deepEqual(plan("/images/web01.raw"), [[4, 3], [3, 2], [2, 3]]); // prettier-ignore
  assert.deepEqual(plan("/images/other.raw"), [[3, 2], [2, 3], [4, 3]]); // prettier-ignore
});

test("a name is that of the file, with or without ending or folder, the UUID or the label", () => {
  const found = header({ label: "Root" });
  const uuid = found.header.facts.uuid ?? "";
  const isNamed = (name: string): boolean | undefined =>
    planTrials(found, "/images/web01.raw", [listed(2, "x", name)])[0]?.isNamed;
  for (const name of ["web01", "WEB01.raw", "/images/web01.raw", uuid.toUpperCase(), "root", " web01 "]) {
    assert.equal(isNamed(name), true, name);
  }
  for (const name of ["", "web", "web01.img", "images"]) assert.equal(isNamed(name), false, name);
  const unnamed = header({ label: null, uuid: null });
  assert.equal(planTrials(unnamed, "/images/web01.raw", [listed(2, "x", "null")])[0]?.isNamed, false);
});

test("a recovery password with a key id is tried on that protector and no other", async () => {
  const protectors = [recoveryOf(recovery, "right"), recoveryOf(otherRecovery, "wrong")];
  for (const name of ["4381F759", `{${recovery.toUpperCase()}}`, recovery]) {
    const found = header({ protectors });
    const secrets = [listed(2, "wrong", "", "recovery-password"), listed(3, "right", name, "recovery-password")];
    const { opened } = await tryAll(found, secrets);
    assert.deepEqual([opened?.secret?.line, opened?.protector?.id], [3, recovery]);
    assert.deepEqual(found.tried, [`right on ${recovery}`]);
  }
  const all = header({ protectors });
  await tryAll(all, [listed(2, "x", "deadbeef", "recovery-password")]);
  assert.deepEqual(all.tried, ["x"], "a key id of another volume chooses nothing here");
});

test("a keyslot that is tried only where it is named is tried by itself", async () => {
  const found = header({ protectors: [slot(0, "a", 1)] }, "SECRET_REJECTED", [slot(1, "right", 2)]);
  const { opened } = await tryAll(found, [listed(2, "x"), listed(3, "right")]);
  assert.deepEqual([opened?.secret?.line, opened?.protector?.id], [3, "keyslot 1"]);
  assert.deepEqual(found.tried, ["x", "right", "x on keyslot 1", "right on keyslot 1"], "the cheapest first");
  const alone = header({ protectors: [] }, "SECRET_REJECTED", [slot(1, "right", 2)]);
  assert.equal((await tryAll(alone, [listed(2, "right")])).opened?.protector?.id, "keyslot 1");
});

test("secrets are tried until one opens it, and every trial is told", async () => {
  const found = header({ protectors: [slot(0, "right", 1)] });
  const told: number[] = [];
  const { opened, notTried } = await tryAll(found, [listed(2, "x"), listed(3, "right"), listed(4, "y")], told);
  assert.deepEqual([opened?.secret?.line, opened?.protector?.id, notTried], [3, "keyslot 0", []]);
  assert.deepEqual(found.tried, ["x", "right"]);
  assert.deepEqual(told, [2, 3]);
  assert.deepEqual(await tryAll(found, [listed(2, "x")]), { opened: null, notTried: [] });
});

test("secrets of kinds that fit no protector are not tried", () => {
  const found = header({ protectors: [slot(0, "a", 1)] });
  assert.deepEqual(planTrials(found, "/a", [listed(2, "x", "", "recovery-password")]), []);
});

test("a volume that no key reads gets no trials", async () => {
  const found = header({ unreadable: "OPAL", protectors: [slot(0, "a", 1)] });
  assert.deepEqual(planTrials(found, "/a", [listed(2, "a")]), []);
  assert.deepEqual(await tryAll(found, [listed(2, "a")]), { opened: null, notTried: [] });
});

test("what keeps a trial from being made is said with the line, and the others are made", async () => {
  const codes = ["KDF_TOO_COSTLY", "SECRET_INVALID", "HEADER_CORRUPT", "VOLUME_UNSUPPORTED", "KDF_FAILED"] as const;
  for (const code of codes) {
    const found = header({ protectors: [slot(0, "right", 1)] }, code);
    const { opened, notTried } = await tryAll(found, [listed(2, "x"), listed(3, "right")]);
    assert.equal(opened?.secret?.line, 3, code);
    assert.deepEqual(notTried, ["line 2: it did not open"]);
  }
});

test("a cancellation ends it", async () => {
  const found = header({ protectors: [slot(0, "right", 1)] }, "CANCELLED");
  await assert.rejects(tryAll(found, [listed(2, "x"), listed(3, "right")]), { code: "CANCELLED" });
});

test("a clear key needs no secret; where it is damaged, secrets are tried all the same", async () => {
  const clear = (label: string): Protector => someProtector({ id: "c", kind: "clear-key", label, cost: null });
  const whole = header({ protectors: [clear("none"), slot(0, "right", 1)] });
  const { opened } = await tryAll(whole, [listed(2, "right")]);
  assert.deepEqual([opened?.secret, opened?.protector?.id, whole.tried], [null, "c", ["none"]]);
  const damaged = header({ protectors: [clear("-"), slot(0, "right", 1)] }, "HEADER_CORRUPT");
  const found = await tryAll(damaged, [listed(2, "right")]);
  assert.equal(found.opened?.secret?.line, 2);
  assert.deepEqual(found.notTried, ["the clear key: it did not open"]);
});
