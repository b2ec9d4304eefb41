import assert from "node:assert/strict";
import { test } from "node:test";

import { Secret } from "#bytes/secret.ts";
import { LockstepError } from "#errors/errors.ts";
import type { Store } from "#store/contract.ts";
import { badSectorStore } from "#testing/stores/bad-sector-store.ts";
import { gatedStore } from "#testing/stores/gated-store.ts";
import { alter } from "#testing/vaults/damage.ts";
import { LogBench, force, keyringOf, must, signal } from "#testing/vaults/log-bench.ts";
import type { LogKeyring } from "#vault/keyring/log-keyring.ts";
import { writeSummary } from "#vault/log/summary-format.ts";
import { firstGeneration } from "#vault/object/ids.ts";
import { objectKeys } from "#vault/object/object-keys.ts";

const LIMIT = 1 << 20;

/** A machine with three points, and keys of its log's objects. */
async function filled(seed: string, singleDisk: boolean) {
  const bench = new LogBench(seed, { singleDisk });
  const log = await bench.create();
  for (let i = 0; i < 3; i++) await bench.point(log);
  return { bench, log, store: bench.store, at: (seq: number) => objectKeys.logEntry(log.machine, seq) };
}

async function rewrite(store: Store, key: string, change: (bytes: Uint8Array) => Uint8Array): Promise<void> {
  const bytes = await store.get(key, LIMIT, signal);
  assert.ok(bytes !== null);
  await store.delete(key, signal);
  await store.put(key, [change(bytes)], {}, signal);
}

const flipped = (bytes: Uint8Array): Uint8Array => bytes.with(70, (bytes[70] ?? 0) ^ 1);

test("hosts that append at the same time get one order, and each composes on all that came before", async () => {
  const bench = new LogBench("race");
  const first = await bench.create();
  const logs = [first, await bench.open("b"), await bench.open("c")];
  const counts = await Promise.all(
    logs.map(async (log) => {
      let composed = 0;
      for (let i = 0; i < 10; i++) {
        await log.append((fold) => {
          composed++;
          return { type: "machine", machine: { ...fold.machine, everyHours: fold.machine.everyHours + 1 } };
        }, signal);
      }
      return composed;
    }),
  );
  const { fold } = await bench.open("d");
  assert.equal(fold.seq, 31);
  assert.equal(fold.machine.everyHours, 24 + 30);
  assert.ok(Math.max(...counts) > 10);
});

test("calls of one log that overlap run one after the other", async () => {
  const bench = new LogBench("overlap");
  const log = await bench.create();
  const appended = await Promise.all(
    [1, 2, 3].map(() => force(log, { type: "clock", confirmedAt: bench.now.toString() })),
  );
  assert.deepEqual(
    appended.map(({ entry }) => entry.seq),
    [2, 3, 4],
  );
});

test("an append that fails leaves the log usable, and nothing is composed after giving up", async () => {
  const { bench, log } = await filled("fails", false);
  const boom = new LockstepError("WAITS_FOR_PERSON", "no");
  const throwing = (): never => {
    throw boom;
  };
  await assert.rejects(log.append(throwing, signal), boom);
  assert.equal(await log.append(() => null, signal), null);
  await must(log, { type: "clock", confirmedAt: bench.now.toString() });
  assert.equal((await bench.open()).fold.seq, 8);
});

test("a machine without a log is unknown", async () => {
  const { bench, store, at } = await filled("unknown", false);
  for (let seq = 1; seq <= 7; seq++) await store.delete(at(seq), signal);
  await assert.rejects(bench.open(), { code: "NAME_UNKNOWN" });
});

test("a gap in the log is corrupt, and the entry is named", async () => {
  const { bench, store, at } = await filled("gap", false);
  await store.delete(at(4), signal);
  await assert.rejects(bench.open(), { code: "LOG_CORRUPT", message: new RegExp(`${at(4)}: it is missing`) });
});

test("an entry that was changed, moved or cut is corrupt, and named", async () => {
  const moved = async (store: Store, from: string): Promise<Uint8Array> => {
    const bytes = await store.get(from, LIMIT, signal);
    assert.ok(bytes !== null);
    return bytes;
  };
  for (const damage of ["flipped", "cut", "moved", "grown"] as const) {
    const { bench, store, at } = await filled(`changed ${damage}`, false);
    const other = await moved(store, at(3));
    await rewrite(store, at(4), (bytes) => {
      if (damage === "flipped") return flipped(bytes);
      if (damage === "cut") return bytes.subarray(0, 50);
      return damage === "moved" ? other : new Uint8Array(20 << 20);
    });
    await assert.rejects(bench.open(), { code: "LOG_CORRUPT", message: new RegExp(at(4)) });
  }
});

test("an entry of another history does not follow: the chain of hashes ends there", async () => {
  const { bench, log, store, at } = await filled("history", false);
  for (const seq of [6, 7]) await store.delete(at(seq), signal);
  const fork = await bench.open();
  await bench.point(fork);
  await must(log, { type: "clock", confirmedAt: bench.now.toString() });
  await assert.rejects(bench.open(), { code: "LOG_CORRUPT", message: /does not follow/ });
});

test("on a store of one disk each entry is there twice", async () => {
  const { store, at } = await filled("twice", true);
  for (let seq = 1; seq <= 7; seq++) {
    assert.deepEqual(await store.get(objectKeys.copy(at(seq)), LIMIT, signal), await store.get(at(seq), LIMIT, signal));
  }
});

test("an entry that is lost, the last one too, is put back from its second copy", async () => {
  const { bench, log, store, at } = await filled("put back", true);
  for (const seq of [1, 4, 7]) {
    const bytes = await store.get(at(seq), LIMIT, signal);
    await store.delete(at(seq), signal);
    const opened = await bench.open();
    assert.deepEqual(writeSummary(opened.fold), writeSummary(log.fold));
    assert.deepEqual(opened.warnings, [`${at(seq)} was missing; it was put back from its second copy`]);
    assert.deepEqual(await store.get(at(seq), LIMIT, signal), bytes);
  }
});

test("a lost entry is read from its second copy where it cannot be put back", async () => {
  const { bench, log, store, at } = await filled("read only", true);
  await store.delete(at(7), signal);
  const readOnly = gatedStore(store, async (call) => {
    await Promise.resolve();
    if (call.operation === "put") throw new LockstepError("STORE_DENIED", "read only");
  });
  const opened = await bench.open("host-b", { store: readOnly });
  assert.equal(opened.fold.seq, log.fold.seq);
  assert.match(opened.warnings[0] ?? "", /could not be put back: read only/);
});

test("a damaged entry is read from its second copy; with both damaged the log is corrupt", async () => {
  const { bench, log, store, at } = await filled("both", true);
  await rewrite(store, at(5), flipped);
  const opened = await bench.open();
  assert.equal(opened.fold.hash, log.fold.hash);
  assert.deepEqual(opened.warnings, [`${at(5)} is damaged; it was read from its second copy`]);
  await rewrite(store, objectKeys.copy(at(5)), flipped);
  await assert.rejects(bench.open(), { code: "LOG_CORRUPT", message: new RegExp(at(5)) });
});

test("an entry on a bad sector is read from its second copy; where there is none, nobody calls the log corrupt", async () => {
  for (const singleDisk of [true, false]) {
    const { bench, log } = await filled(`bad sector ${singleDisk}`, singleDisk);
    for (const seq of [1, 3, log.fold.seq]) {
      const bad = objectKeys.logEntry(log.machine, seq);
      const store = badSectorStore(bench.store, bad);
      if (!singleDisk) {
        await assert.rejects(bench.open("host-b", { store }), { code: "STORE_UNAVAILABLE" });
        continue;
      }
      const opened = await bench.open("host-b", { store });
      assert.equal(opened.fold.hash, log.fold.hash);
      assert.deepEqual(opened.warnings, [
        `${bad} cannot be read (Cannot read ${bad}: EIO); it was read from its second copy`,
      ]);
    }
  }
});

test("a damaged second copy of the last entry is no reason to write no more; one of another entry is", async () => {
  const { bench, log } = await filled("damaged copy", true);
  const { seq } = log.fold;
  const last = objectKeys.copy(objectKeys.logEntry(log.machine, seq));
  await alter(bench.store, last, (bytes) => bytes.subarray(0, 70));
  const opened = await bench.open();
  await bench.point(opened);
  assert.match(opened.warnings.join(), /has no second copy/);

  const { bench: forked, log: ours, at } = await filled("forked copy", true);
  const confirm = { type: "clock", confirmedAt: forked.now.toString() } as const;
  await must(await forked.open(), confirm);
  const key = at(ours.fold.seq + 1);
  const theirs = await forked.store.get(key, LIMIT, signal);
  for (const place of [key, objectKeys.copy(key)]) await forked.store.delete(place, signal);
  await must(ours, confirm);
  await alter(forked.store, objectKeys.copy(key), () => theirs ?? new Uint8Array());
  const late = await forked.open();
  await assert.rejects(must(late, confirm), { code: "LOG_CORRUPT", message: /second copy .* is of another entry/ });
});

test("a second copy that its writer did not live to write is written by the next one", async () => {
  const { bench, log, store, at } = await filled("late copy", true);
  await store.delete(objectKeys.copy(at(7)), signal);
  const next = await bench.open();
  await must(next, { type: "clock", confirmedAt: bench.now.toString() });
  assert.notEqual(await store.stat(objectKeys.copy(at(7)), signal), null);
  assert.notEqual(await store.stat(objectKeys.copy(at(8)), signal), null);
  assert.equal(log.fold.seq, 7);
});

test("a log that lost its end is noticed by who saw more of it", async () => {
  const { bench, log, store, at } = await filled("shorter", false);
  const expect = { seq: log.fold.seq, hash: log.fold.hash };
  assert.equal((await bench.open("host-a", { expect })).fold.seq, 7);
  await store.delete(at(7), signal);
  await assert.rejects(bench.open("host-a", { expect }), { code: "LOG_ROLLED_BACK", message: /ends with entry 6/ });

  const fork = await bench.open();
  await must(fork, { type: "clock", confirmedAt: bench.now.toString() });
  await must(fork, { type: "clock", confirmedAt: bench.now.toString() });
  await assert.rejects(bench.open("host-a", { expect }), {
    code: "LOG_ROLLED_BACK",
    message: /entry 7 is not the one/,
  });
});

test("a log that vanished is rolled back for who saw it", async () => {
  const { bench, log, store, at } = await filled("vanished", false);
  const expect = { seq: 7, hash: log.fold.hash };
  for (let seq = 1; seq <= 7; seq++) await store.delete(at(seq), signal);
  await assert.rejects(bench.open("host-a", { expect }), { code: "LOG_ROLLED_BACK" });
});

test("with a keyring older than the log names, reading works and warns, and writing is refused", async () => {
  const { bench, log } = await filled("old keyring", false);
  await must(log, { type: "keyring", generation: 2, hash: "22".repeat(32) });
  const old: LogKeyring = {
    ...keyringOf(bench.keys),
    faultOf: ({ generation }) => (generation > 1 ? "the log names keyring generation 2" : null),
    reopen: () => Promise.resolve(old),
  };
  const opened = await bench.open("host-b", { keyring: old });
  assert.equal(opened.fold.points.size, 3);
  assert.deepEqual(opened.warnings, ["the vault may only be read: the log names keyring generation 2"]);
  await assert.rejects(bench.session(opened, "backup"), { code: "KEYRING_ROLLED_BACK" });
});

test("entries sealed with a newer data key are read once the keyring was opened again", async () => {
  const { bench, log } = await filled("newer epoch", false);
  const epochs = new Map([...bench.keys.epochs, [2, new Secret(bench.random(32))] as const]);
  const keyring = { generation: 2, hash: "22".repeat(32) };
  const newer = keyringOf({ ...bench.keys, epochs, currentEpoch: 2, keyring });
  const writer = await bench.open("host-b", { keyring: newer });
  await bench.point(writer);

  await assert.rejects(log.read(signal), { code: "KEYRING_ROLLED_BACK" });
  const stale = await bench.open("host-c", {
    keyring: { ...keyringOf(bench.keys), reopen: () => Promise.resolve(newer) },
  });
  assert.equal(stale.fold.points.size, 4);
  await must(stale, { type: "clock", confirmedAt: bench.now.toString() });
  assert.equal((await writer.read(signal)).keyring.generation, 2);
});

test("a cancelled append says so, and what is not known to be written is not folded", async () => {
  const { bench, log } = await filled("cancelled", false);
  const { fold } = log;
  const draft = bench.damagedDraft("00000002-0123456789abcdef-00000001" as never, 1, firstGeneration);
  await assert.rejects(
    log.append(() => draft, AbortSignal.abort()),
    { code: "CANCELLED" },
  );
  assert.equal(log.fold, fold);
});
