import assert from "node:assert/strict";

import { deletePoint, undeletePoint } from "#ops/points/delete-points.ts";
import { rekey } from "#ops/unlock/rekey.ts";
import { addUnlockWay, removeUnlockWay } from "#ops/unlock/unlock-ways.ts";
import type { Store } from "#store/contract.ts";
import { memoryDisk } from "#testing/disks/memory-disk.ts";
import { flip, keysOf } from "#testing/vaults/damage.ts";
import { fileKeyOf } from "#testing/vaults/keyring-deps.ts";
import { BENCH_BLOCK_BYTES as BLOCK } from "#testing/vaults/vault-bench.ts";
import { WholeVault } from "#testing/vaults/whole-vault.ts";
import type { Allowance, Client } from "#testing/vaults/whole-vault.ts";
import { createMachine, listMachines } from "#vault/log/roster.ts";
import type { PointId } from "#vault/object/ids.ts";

const { signal } = new AbortController();

/** What was answered. */
export type Answer = {
  /** It said of itself that something was left out, since the store gave no answer. */
  readonly isPartial: boolean;
  /** Looks, with the eyes of somebody who opened the vault later, whether what was answered is so. */
  readonly holds: (later: Client) => void | Promise<void>;
};

/** Something that people do with a vault, in a situation that makes it do all that it can. */
export type Act = {
  readonly name: string;
  readonly prepare: (store: Store) => Promise<WholeVault>;
  /** Does it, as a client that has opened the vault, once. */
  readonly run: (whole: WholeVault, client: Client) => Promise<Answer>;
  /** What may be so afterwards if it got no answer. */
  readonly unfinished?: (whole: WholeVault) => Allowance;
  /** Brings a vault that was damaged beforehand in order, before it is looked at. */
  readonly mend?: (whole: WholeVault) => Promise<void>;
};

function answer(holds: Answer["holds"], isPartial = false): Answer {
  return { holds, isPartial };
}

const BLOCKS = 40;
const often = { checkpointEvery: { minutes: 60, bytes: 8 * BLOCK } };

const backUp: Act["run"] = async (whole, client) => {
  const { point } = await whole.backUp(client, often);
  return answer(({ log }) => assert.ok(log.fold.points.has(point.point)));
};
const maybeBackedUp: Act["unfinished"] = ({ content }) => ({ unanswered: content });

/** A vault with a full point and an incremental one, and a disk that changed again. */
async function withPoints(name: string, store: Store): Promise<WholeVault> {
  const whole = await WholeVault.make(name, BLOCKS, { store });
  const client = await whole.open();
  await whole.backUp(client);
  whole.change(3, 5, 3);
  await whole.backUp(client);
  whole.change(10, 9, 2);
  return whole;
}

/** Begins a backup that stops in the middle, with a checkpoint in the log. */
async function abandonBackup(whole: WholeVault): Promise<void> {
  const dying = memoryDisk(whole.content, { unreadable: [{ offsetBytes: 35 * BLOCK, lengthBytes: BLOCK }] });
  const inPieces: typeof dying = {
    ...dying,
    async *dataRanges() {
      yield* Array.from({ length: 8 }, (_, i) => ({ offsetBytes: 5 * i * BLOCK, lengthBytes: 5 * BLOCK - 1 }));
    },
  };
  await assert.rejects(whole.backUp(await whole.open(), often, inPieces), { code: "DISK_UNREADABLE" });
}

async function damageFirstBlock({ store }: WholeVault): Promise<void> {
  const [key = ""] = await keysOf(store, (each) => each.includes("/data/"));
  await flip(store, key, BLOCK);
}

/** Finds the damage and lets a backup heal it; the disk has what it had. */
async function heal(whole: WholeVault): Promise<void> {
  const client = await whole.open();
  await whole.check(client, { record: true });
  await whole.backUp(client);
}

function newestOf(whole: WholeVault): PointId {
  const newest = [...whole.expected.keys()].at(-1);
  assert.ok(newest !== undefined);
  return newest;
}

function deletedIn({ log }: Client, point: PointId): boolean {
  return (log.fold.points.get(point)?.deleted ?? null) !== null;
}

/** Everything that writes to a vault or reads from it. */
export const acts: readonly Act[] = [
  {
    name: "a first backup",
    prepare: (store) => WholeVault.make("first", BLOCKS, { store }),
    run: backUp,
    unfinished: maybeBackedUp,
  },
  {
    name: "an incremental backup",
    prepare: (store) => withPoints("incremental", store),
    run: backUp,
    unfinished: maybeBackedUp,
  },
  {
    name: "a backup that goes on with another's work",
    prepare: async (store) => {
      const whole = await withPoints("resumed", store);
      whole.change(0, 30);
      await abandonBackup(whole);
      return whole;
    },
    run: backUp,
    unfinished: maybeBackedUp,
  },
  {
    name: "a backup that heals",
    prepare: async (store) => {
      const whole = await WholeVault.make("healing", BLOCKS, { store });
      await whole.backUp(await whole.open());
      await damageFirstBlock(whole);
      await whole.check(await whole.open(), { record: true });
      return whole;
    },
    run: backUp,
    unfinished: maybeBackedUp,
    mend: heal,
  },
  {
    name: "a prune that closes, deletes, purges, sweeps and rewrites",
    prepare: async (store) => {
      const whole = await WholeVault.make("prune", BLOCKS, { store, keep: "last=1" });
      const client = await whole.open();
      await whole.backUp(client);
      for (const first of [0, 1, 2]) whole.change(first, 10, 4);
      await whole.backUp(client);
      whole.change(10, 9, 2);
      await whole.backUp(client);
      await abandonBackup(whole);
      const [first] = whole.expected.keys();
      if (first !== undefined) await deletePoint(client.log, first, "test", signal);
      await whole.pass(client, 15);
      return whole;
    },
    run: async (whole, client) => {
      const { purged, deleted, rewritten, leftAlone, unreadable } = await whole.prune(client);
      for (const { point } of purged) whole.expected.delete(point);
      const isPartial = leftAlone.length + unreadable.length > 0;
      assert.ok(isPartial || (purged.length === 1 && deleted.length === 1 && rewritten.segments > 0));
      return answer((later) => {
        for (const { point } of purged) assert.ok(!later.log.fold.points.has(point));
        for (const { point } of deleted) assert.ok(deletedIn(later, point));
      }, isPartial);
    },
    unfinished: ({ expected }) => ({ mayGo: new Set([...expected.keys()].slice(0, 1)) }),
  },
  {
    name: "deleting a point",
    prepare: (store) => withPoints("delete", store),
    run: async (whole, { log }) => {
      const point = newestOf(whole);
      await deletePoint(log, point, "test", signal);
      return answer((later) => assert.ok(deletedIn(later, point)));
    },
  },
  {
    name: "undeleting a point",
    prepare: async (store) => {
      const whole = await withPoints("undelete", store);
      const { log } = await whole.open();
      await deletePoint(log, newestOf(whole), "test", signal);
      return whole;
    },
    run: async (whole, { log }) => {
      const point = newestOf(whole);
      await undeletePoint(log, point, signal);
      return answer((later) => assert.ok(!deletedIn(later, point)));
    },
  },
  {
    name: "a check of a sound vault",
    prepare: (store) => withPoints("check", store),
    run: async (whole, client) => {
      const { damage, recordedSlots, bodies, unread } = await whole.check(client, { record: true, repair: true });
      assert.deepEqual([damage, recordedSlots, bodies], [[], 0, []]);
      return answer(() => undefined, unread.length > 0);
    },
  },
  {
    name: "a check that logs damage",
    prepare: async (store) => {
      const whole = await WholeVault.make("damaged", BLOCKS, { store });
      await whole.backUp(await whole.open());
      await damageFirstBlock(whole);
      return whole;
    },
    run: async (whole, client) => {
      const found = await whole.check(client, { record: true, repair: true });
      assert.ok(found.recordedSlots <= 1 && found.damagedBytes <= BLOCK);
      const isPartial = found.unread.length + found.warnings.length > 0;
      assert.ok(isPartial || found.recordedSlots === 1);
      return answer((later) => assert.ok(later.log.fold.damaged.size >= found.recordedSlots), isPartial);
    },
    mend: heal,
  },
  {
    name: "a check that writes anew what reads well again",
    prepare: async (store) => {
      const whole = await WholeVault.make("put right", BLOCKS, { store });
      await whole.backUp(await whole.open());
      await damageFirstBlock(whole);
      await whole.check(await whole.open(), { record: true });
      await damageFirstBlock(whole); // the bit that was flipped is flipped back
      return whole;
    },
    run: async (whole, client) => {
      const { healedSlots, unread, warnings } = await whole.check(client, { record: true, repair: true });
      const isPartial = unread.length + warnings.length > 0;
      assert.ok(isPartial || healedSlots === 1);
      return answer((later) => {
        const { damaged, maintenance } = later.log.fold;
        assert.ok(damaged.size + healedSlots <= 1, "what was said to be healed is not");
        assert.ok(isPartial || maintenance === null, "the session is open");
      }, isPartial);
    },
    mend: async (whole) => {
      const client = await whole.open();
      await whole.prune(client); // it closes a session that nobody could close
      await whole.check(client, { record: true, repair: true });
    },
  },
  {
    name: "adding an unlock way",
    prepare: (store) => withPoints("add way", store),
    run: async (whole, { vault: { store }, opened, log }) => {
      const way = { label: "second", secret: fileKeyOf(2) };
      const { warnings } = await addUnlockWay({ store, opened, deps: whole.keyringDeps() }, [log], way, signal);
      return answer(async () => void (await whole.open(whole.store, null, fileKeyOf(2))), warnings.length > 0);
    },
  },
  {
    name: "removing an unlock way",
    prepare: async (store) => {
      const whole = await withPoints("remove way", store);
      await addSecondWay(whole);
      return whole;
    },
    run: async (whole, client) => {
      const warnings = await removeSecondWay(whole, client);
      return answer(async () => {
        await assert.rejects(whole.open(whole.store, null, fileKeyOf(2)), { code: "KEY_FILE_REJECTED" });
      }, warnings.length > 0);
    },
  },
  {
    name: "a re-keying",
    prepare: async (store) => {
      const whole = await withPoints("rekey", store);
      await addSecondWay(whole);
      await removeSecondWay(whole, await whole.open());
      return whole;
    },
    run: async (_whole, { vault, log }) => {
      const { leftAlone, unreadable } = await rekey(vault, log, { progress: () => undefined }, signal);
      const isPartial = leftAlone.length + unreadable.length > 0;
      return answer(async (later) => assert.ok(isPartial || (await staleSegments(later)) === 0), isPartial);
    },
  },
  {
    name: "reading a point back",
    prepare: (store) => withPoints("restore", store),
    run: async (whole, client) => {
      const point = client.log.fold.points.get(newestOf(whole));
      assert.ok(point !== undefined);
      const expected = whole.expected.get(point.point) ?? new Uint8Array();
      assert.ok(Buffer.from(await whole.read(client, point)).equals(expected), "wrong data was given");
      return answer(() => undefined);
    },
  },
  {
    name: "creating a machine",
    prepare: (store) => withPoints("create", store),
    run: async (_whole, { vault, log }) => {
      const { machine } = await createMachine(vault, { ...log.fold.machine, name: "db01" }, signal);
      return answer(async ({ vault: { store, keyring } }) => {
        assert.ok((await listMachines({ store, keys: keyring.keys }, signal)).machines.includes(machine));
      });
    },
  },
];

export function actNamed(name: string): Act {
  const act = acts.find((each) => each.name === name);
  assert.ok(act !== undefined, `there is no act ${name}`);
  return act;
}

async function addSecondWay(whole: WholeVault): Promise<void> {
  const { opened, log } = await whole.open();
  const keyring = { store: whole.store, opened, deps: whole.keyringDeps() };
  await addUnlockWay(keyring, [log], { label: "second", secret: fileKeyOf(2) }, signal);
}

async function removeSecondWay(
  whole: WholeVault,
  { vault: { store }, opened, log }: Client,
): Promise<readonly string[]> {
  const way = opened.keyring.ways.find(({ label }) => label === "second");
  assert.ok(way !== undefined);
  const keyring = { store, opened, deps: whole.keyringDeps() };
  return (await removeUnlockWay(keyring, [log], way, signal)).warnings;
}

/** How many segments of the vault are sealed with an older data key than the newest. */
async function staleSegments({ vault }: Client): Promise<number> {
  let stale = 0;
  for (const key of await keysOf(vault.store, (each) => each.includes("/disks/"))) {
    const bytes = await vault.store.get(key, Number.MAX_SAFE_INTEGER, signal);
    const epoch = bytes === null ? 0 : new DataView(bytes.buffer, bytes.byteOffset).getUint32(24, true);
    if (epoch !== vault.keyring.keys.currentEpoch) stale++;
  }
  return stale;
}
