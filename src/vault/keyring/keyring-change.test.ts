import assert from "node:assert/strict";
import { test } from "node:test";

import { utf8 } from "#bytes/text.ts";
import { LockstepError } from "#errors/errors.ts";
import type { Store } from "#store/contract.ts";
import { memoryStore } from "#store/memory.ts";
import { appendOnlyStore } from "#testing/stores/append-only-store.ts";
import { faultyStore } from "#testing/stores/faulty-store.ts";
import { alter } from "#testing/vaults/damage.ts";
import { fileKeyOf, keyringDeps, passphraseOf } from "#testing/vaults/keyring-deps.ts";
import { addWay, createVault, healKeyring, removeWay } from "#vault/keyring/keyring-change.ts";
import { WAYS_LIMIT } from "#vault/keyring/keyring-format.ts";
import { openKeyring } from "#vault/keyring/keyring-open.ts";
import { listWays, wayInUse } from "#vault/keyring/keyring.ts";
import type { OpenedKeyring } from "#vault/keyring/keyring.ts";
import type { WayId } from "#vault/keyring/unlock-way.ts";

const { signal } = new AbortController();
const host = { label: "host", secret: fileKeyOf(1) };
const other = { label: "other", secret: fileKeyOf(2) };
const person = { label: "Anna", secret: passphraseOf("correct horse") };

function idOf(opened: OpenedKeyring, label: string): WayId {
  const way = listWays(opened).find((each) => each.label === label);
  assert.ok(way, `no way ${label}`);
  return way.id;
}

function labels(opened: OpenedKeyring): string[] {
  return listWays(opened).map(({ label }) => label);
}

async function objects(store: Store): Promise<string[]> {
  return (await Array.fromAsync(store.list("", {}, signal))).map(({ key }) => key);
}

test("every way opens the same keys, in a store that allows neither delete nor overwrite", async () => {
  const store = appendOnlyStore(memoryStore());
  const deps = keyringDeps("every way");
  const made = await createVault(store, { ways: [host, person] }, deps, signal);
  const added = await addWay(store, made, other, deps, signal);
  for (const { secret, label } of [host, person, other]) {
    const opened = await openKeyring(store, secret, deps, signal);
    assert.deepEqual(opened.keys.root.bytes, made.keys.root.bytes);
    assert.deepEqual(opened.keys.epochs.get(1)?.bytes, made.keys.epochs.get(1)?.bytes);
    assert.deepEqual(opened.keys.keyring, added.keys.keyring);
    assert.deepEqual(labels(opened), ["host", "Anna", "other"]);
    assert.equal(wayInUse(opened)?.label, label);
    assert.deepEqual([opened.warnings, opened.readOnlyReason, opened.unstored], [[], null, []]);
  }
});

test("a store of one disk gets everything twice, another one once", async () => {
  const twice = memoryStore({ singleDisk: true });
  const deps = keyringDeps("twice");
  await createVault(twice, { ways: [host] }, deps, signal);
  const names = ["keyring/00000001", "vault.json"];
  assert.deepEqual(await objects(twice), [...names.map((name) => `copies/${name}`), ...names]);

  const once = memoryStore();
  await createVault(once, { ways: [host] }, deps, signal);
  assert.deepEqual(await objects(once), names);
});

test("a vault is not made over another one, nor over what is left of one", async () => {
  const store = memoryStore();
  const deps = keyringDeps("over");
  await createVault(store, { ways: [host] }, deps, signal);
  await assert.rejects(createVault(store, { ways: [other] }, deps, signal), {
    code: "VAULT_EXISTS",
    message: /one already/,
  });
  await store.delete("vault.json", signal);
  await assert.rejects(createVault(store, { ways: [other] }, deps, signal), {
    code: "VAULT_EXISTS",
    message: /is left/,
  });
});

test("of two who make a vault in one place at the same time, one succeeds and the vault is his", async () => {
  const store = memoryStore();
  const made = await Promise.allSettled(
    [host, other].map((way) => createVault(store, { ways: [way] }, keyringDeps(way.label), signal)),
  );
  const winners = made.filter((each) => each.status === "fulfilled");
  assert.equal(winners.length, 1);
  const won = made[0]?.status === "fulfilled" ? host : other;
  const opened = await openKeyring(store, won.secret, keyringDeps("open"), signal);
  assert.deepEqual(opened.keys.keyring, winners[0]?.value.keys.keyring);
});

test("two who add a way at the same time both succeed", async () => {
  const store = memoryStore();
  const deps = keyringDeps("two adds");
  const opened = await createVault(store, { ways: [host] }, deps, signal);
  await Promise.all([addWay(store, opened, person, deps, signal), addWay(store, opened, other, deps, signal)]);
  const after = await openKeyring(store, host.secret, deps, signal);
  assert.equal(after.keyring.generation, 3);
  assert.deepEqual(labels(after).sort(), ["Anna", "host", "other"]);
});

test("two who remove one of the last two ways each do not leave a vault without any", async () => {
  const store = memoryStore();
  const deps = keyringDeps("two removals");
  const opened = await createVault(store, { ways: [host, other] }, deps, signal);
  const removed = await Promise.allSettled(
    ["host", "other"].map((label) => removeWay(store, opened, idOf(opened, label), deps, signal)),
  );
  assert.equal(removed.filter(({ status }) => status === "fulfilled").length, 1);
});

test("a removed way opens neither the vault nor the data keys that come after it", async () => {
  const store = memoryStore();
  const deps = keyringDeps("removed");
  const made = await createVault(store, { ways: [host, person, other] }, deps, signal);
  const without = await removeWay(store, made, idOf(made, "Anna"), deps, signal);
  const later = await removeWay(store, without, idOf(made, "other"), deps, signal);
  assert.deepEqual([made.keys.currentEpoch, without.keys.currentEpoch, later.keys.currentEpoch], [1, 2, 3]);
  assert.deepEqual(later.keys.epochs.get(1)?.bytes, made.keys.epochs.get(1)?.bytes);
  await assert.rejects(openKeyring(store, person.secret, deps, signal), {
    code: "PASSPHRASE_REJECTED",
    message: /was removed in generation 2/,
  });
  await assert.rejects(openKeyring(store, other.secret, deps, signal), {
    code: "KEY_FILE_REJECTED",
    message: /was removed in generation 3/,
  });
});

test("who was removed meanwhile changes nothing more", async () => {
  const store = memoryStore();
  const deps = keyringDeps("meanwhile");
  const made = await createVault(store, { ways: [host, other] }, deps, signal);
  const asOther = await openKeyring(store, other.secret, deps, signal);
  await removeWay(store, made, idOf(made, "other"), deps, signal);
  await assert.rejects(addWay(store, asOther, person, deps, signal), { code: "KEY_FILE_REJECTED", message: /removed/ });
});

test("a way that is removed starts a new data key, and leaves the other ways and the older data keys as they are", async () => {
  const store = memoryStore();
  const deps = keyringDeps("epoch");
  const made = await createVault(store, { ways: [host, other, person] }, deps, signal);
  await removeWay(store, made, idOf(made, "other"), deps, signal);
  const opened = await openKeyring(store, person.secret, deps, signal);
  assert.deepEqual([...opened.keys.epochs.keys()], [1, 2]);
  assert.equal(opened.keys.currentEpoch, 2);
  assert.notDeepEqual(opened.keys.epochs.get(2)?.bytes, opened.keys.epochs.get(1)?.bytes);
  assert.deepEqual(labels(opened), ["host", "Anna"]);
});

test("refuses changes that make no sense, and says why", async () => {
  const store = memoryStore();
  const deps = keyringDeps("refused");
  const made = await createVault(store, { ways: [host] }, deps, signal);
  const add = (label: string, byte: number): Promise<OpenedKeyring> =>
    addWay(store, made, { label, secret: fileKeyOf(byte) }, deps, signal);
  await assert.rejects(removeWay(store, made, idOf(made, "host"), deps, signal), { code: "UNLOCK_LAST" });
  await assert.rejects(removeWay(store, made, "00".repeat(16) as WayId, deps, signal), { code: "NAME_UNKNOWN" });
  await assert.rejects(add("host", 5), {
    code: "NAME_TAKEN",
    message: /there is one of that name/,
    hint: /`lockstep vault unlock remove host`/,
  });
  await assert.rejects(add("again", 1), { code: "NAME_TAKEN", message: /the key file is "host" already/ });
  for (const label of ["", " a", "a ", "a\nb", "a\u202eb", "\ud800", "x".repeat(129)]) {
    await assert.rejects(add(label, 5), { code: "ARGUMENT_INVALID" });
  }
  await assert.rejects(createVault(memoryStore(), { ways: [] }, deps, signal), { code: "ARGUMENT_INVALID" });
  await assert.rejects(createVault(memoryStore(), { ways: [host, host] }, deps, signal), { code: "NAME_TAKEN" });
});

test("a vault has room for as many ways as it may have, and for no more", async () => {
  const store = memoryStore();
  const deps = keyringDeps("many");
  const ways = Array.from({ length: WAYS_LIMIT }, (_, at) => ({ label: `way ${at}`, secret: fileKeyOf(at) }));
  const made = await createVault(store, { ways }, deps, signal);
  assert.equal(listWays(await openKeyring(store, fileKeyOf(63), deps, signal)).length, WAYS_LIMIT);
  await assert.rejects(addWay(store, made, person, deps, signal), {
    code: "ARGUMENT_INVALID",
    message: /has 64 already/,
  });
});

const faults = ["before", "after", "delayed"] as const;

test("a vault that any one failing call kept from being finished is no vault; else it opens", async () => {
  const deps = { ...keyringDeps("creation"), retry: { ...keyringDeps("creation").retry, attempts: 1 } };
  for (const fault of faults) {
    for (let at = 0; ; at++) {
      const faulty = faultyStore(memoryStore({ singleDisk: true }));
      faulty.failAt(at, fault);
      const made = await createVault(faulty.store, { ways: [host] }, deps, signal).catch((error: unknown) => error);
      const isMade = !(made instanceof Error);
      if (isMade && faulty.calls() <= at) break;
      await faulty.landPending();
      const opened = await openKeyring(faulty.store, host.secret, deps, signal).catch((error: unknown) => error);
      if (opened instanceof LockstepError) assert.deepEqual([opened.code, isMade], ["VAULT_MISSING", false]);
      else assert.ok(!(opened instanceof Error), String(opened));
    }
  }
});

test("whichever call fails, a change is made wholly or not at all, and one that was reported is there", async () => {
  for (const fault of faults) {
    for (let at = 0; ; at++) {
      const faulty = faultyStore(memoryStore({ singleDisk: true }));
      const deps = keyringDeps("changes");
      const made = await createVault(faulty.store, { ways: [host, other] }, deps, signal);
      const from = faulty.calls();
      faulty.failAt(from + at, fault);
      const changed = await removeWay(faulty.store, made, idOf(made, "other"), deps, signal);
      if (faulty.calls() <= from + at) break;
      await faulty.landPending();
      const opened = await openKeyring(faulty.store, host.secret, deps, signal);
      assert.deepEqual(opened.keys.keyring, changed.keys.keyring);
      assert.deepEqual([labels(opened), opened.keys.currentEpoch, opened.readOnlyReason], [["host"], 2, null]);
    }
  }
});

test("a second copy that could not be written is reported, and written by healing", async () => {
  const faulty = faultyStore(memoryStore({ singleDisk: true }));
  const deps = { ...keyringDeps("healing"), retry: { ...keyringDeps("healing").retry, attempts: 1 } };
  const made = await createVault(faulty.store, { ways: [host] }, deps, signal);
  faulty.failAt(faulty.calls() + 1, "before");
  const added = await addWay(faulty.store, made, other, deps, signal);
  assert.match(added.warnings.join(), /copies\/keyring\/00000002 could not be written/);
  await faulty.store.delete("keyring/00000001", signal);
  await faulty.store.delete("vault.json", signal);

  const opened = await openKeyring(faulty.store, other.secret, deps, signal);
  const missing = ["vault.json", "keyring/00000001", "copies/keyring/00000002"];
  assert.deepEqual(
    opened.unstored.map(({ key }) => key),
    missing,
  );
  assert.deepEqual(await healKeyring(faulty.store, opened, deps, signal), missing);
  const healed = await openKeyring(faulty.store, other.secret, deps, signal);
  assert.deepEqual([healed.unstored, healed.warnings], [[], []]);
});

test("a damaged second copy is replaced by healing, and stays where the store removes nothing", async () => {
  const store = memoryStore({ singleDisk: true });
  const deps = keyringDeps("mending");
  const made = await createVault(store, { ways: [host] }, deps, signal);
  await addWay(store, made, other, deps, signal);
  const copies = ["copies/vault.json", "copies/keyring/00000001", "copies/keyring/00000002"];
  const whole = await Promise.all(copies.map((key) => store.get(key, 1e6, signal)));
  const anothers = whole.toReversed(); // the first and the last one change places
  const damages = {
    "nothing of it": () => utf8("rot"),
    "a bit of it": (bytes: Uint8Array) => bytes.with(20, (bytes[20] ?? 0) ^ 0x80),
    "another's bytes": (_: Uint8Array, at: number) => anothers[at === 1 ? 0 : at] ?? new Uint8Array(),
  };
  for (const [damage, change] of Object.entries(damages)) {
    for (const [at, key] of copies.entries()) await alter(store, key, (bytes) => change(bytes, at));
    const opened = await openKeyring(store, host.secret, deps, signal);
    assert.deepEqual(opened.damagedCopies.map((copy) => copy.key).sort(), copies.toSorted(), damage);
    assert.deepEqual(await healKeyring(appendOnlyStore(store), opened, deps, signal), []);
    assert.deepEqual((await healKeyring(store, opened, deps, signal)).toSorted(), copies.toSorted());
    assert.deepEqual(await Promise.all(copies.map((key) => store.get(key, 1e6, signal))), whole);
    const healed = await openKeyring(store, host.secret, deps, signal);
    assert.deepEqual([healed.unstored, healed.damagedCopies, healed.warnings], [[], [], []]);
  }
});

test("a damaged primary is read from its second copy, and neither is touched", async () => {
  const store = memoryStore({ singleDisk: true });
  const deps = keyringDeps("primary");
  await createVault(store, { ways: [host] }, deps, signal);
  for (const key of ["vault.json", "keyring/00000001"]) await alter(store, key, () => utf8("rot"));
  const opened = await openKeyring(store, host.secret, deps, signal);
  assert.deepEqual([opened.unstored, opened.damagedCopies, opened.warnings.length], [[], [], 2]);
  assert.deepEqual(await healKeyring(store, opened, deps, signal), []);
});
