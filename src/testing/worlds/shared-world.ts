import { check } from "#ops/check/check.ts";
import { deletePoint } from "#ops/points/delete-points.ts";
import { SOFT_DELETE_DAYS } from "#policy/soft-delete.ts";
import type { Store } from "#store/contract.ts";
import { memoryStore } from "#store/memory.ts";
import { memoryDisk } from "#testing/disks/memory-disk.ts";
import type { MemoryDisk } from "#testing/disks/memory-disk.ts";
import { seededRandom } from "#testing/random.ts";
import { gatedStore } from "#testing/stores/gated-store.ts";
import { storeOf, takeSnapshot } from "#testing/stores/store-snapshot.ts";
import type { StoreSnapshot } from "#testing/stores/store-snapshot.ts";
import { flip } from "#testing/vaults/damage.ts";
import { fileKeyOf, keyringDeps } from "#testing/vaults/keyring-deps.ts";
import { backUp, BENCH_BLOCK_BYTES as BLOCK } from "#testing/vaults/vault-bench.ts";
import { testKeys } from "#testing/vaults/vault-keys.ts";
import type { DiskDefinition } from "#vault/entry/machine-definition.ts";
import { createVault } from "#vault/keyring/keyring-change.ts";
import { openKeyring } from "#vault/keyring/keyring-open.ts";
import type { OpenedKeyring } from "#vault/keyring/keyring.ts";
import { logKeyring } from "#vault/keyring/log-keyring.ts";
import type { LogKeyring } from "#vault/keyring/log-keyring.ts";
import type { NewWay } from "#vault/keyring/unlock-way.ts";
import type { Log } from "#vault/log/log.ts";
import { createMachine } from "#vault/log/roster.ts";
import { putSummary } from "#vault/log/summary.ts";
import { firstGeneration, newId, segmentId } from "#vault/object/ids.ts";
import type { DiskId, MachineId, PointId } from "#vault/object/ids.ts";
import { objectKeys } from "#vault/object/object-keys.ts";
import { openMachine } from "#vault/vault.ts";
import type { Vault } from "#vault/vault.ts";

/** What a world has besides its points and its crashed backup. */
export type WorldTraits = {
  readonly singleDisk?: boolean;
  /** Two blocks that the log calls damaged are still on the disk as they were, and two are nowhere. */
  readonly damaged?: boolean;
  /** Whoever works in it seals with the second data key; all that is there was sealed with the first. */
  readonly newDataKey?: boolean;
  /** A real keyring with the ways "host" and "other", in place of one that is made by hand. */
  readonly keyring?: boolean;
};

/** What a point must give when it is read. */
export type Expected = {
  readonly content: Uint8Array;
  /** Blocks that may be called damaged until a backup has healed them. */
  readonly damaged: readonly number[];
  /** Blocks that may be called damaged for ever. */
  readonly lost: readonly number[];
};

/** A process of its own, on a host of its own, which has opened the vault. */
export type Client = { readonly vault: Vault; readonly log: Log; readonly opened: OpenedKeyring | null };

const START = Temporal.Instant.from("2026-10-20T14:05:00Z");
const BLOCKS = 36;
/** A hole in the middle: a backup comes to two stretches of data, and a tree to two leaves. */
const HOLE = { offsetBytes: 8 * BLOCK, lengthBytes: 24 * BLOCK };
const DATA_BLOCKS = [0, 1, 2, 3, 4, 5, 6, 7, 32, 33, 34, 35];

const { signal } = new AbortController();

export function wayOf(label: "host" | "other" | "third"): NewWay {
  return { label, secret: fileKeyOf({ host: 1, other: 2, third: 3 }[label]) };
}

/**
 * A small vault that has been in use for a month, of which any number of equal copies can be made. It has a point whose
 * deletion is due to be completed, one that the keep rule lets go, a newest one, and the session of a backup that crashed
 * more than a week ago, right before its commit, with a checkpoint after each of its two stretches.
 */
export class SharedWorld {
  readonly traits: WorldTraits;
  readonly machine: MachineId;
  readonly definition: DiskDefinition;
  /** Oldest first: whose deletion is due; which the rule lets go; the newest. */
  readonly points: readonly [PointId, PointId, PointId];
  readonly expected: ReadonlyMap<PointId, Expected>;
  /** What the disk holds now. */
  readonly content: Uint8Array;
  readonly now: Temporal.Instant;
  readonly #snapshot: StoreSnapshot;

  private constructor(made: Omit<SharedWorld, "copy">, snapshot: StoreSnapshot) {
    this.traits = made.traits;
    this.machine = made.machine;
    this.definition = made.definition;
    this.points = made.points;
    this.expected = made.expected;
    this.content = made.content;
    this.now = made.now;
    this.#snapshot = snapshot;
  }

  static async make(traits: WorldTraits = {}): Promise<SharedWorld> {
    const store = memoryStore({ singleDisk: traits.singleDisk ?? false });
    if (traits.keyring === true) {
      await createVault(store, { ways: [wayOf("host"), wayOf("other")] }, keyringDeps("world"), signal);
    }
    let now = START;
    const { vault } = await openVault(store, "builder", () => now, { ...traits, newDataKey: false });
    const definition = diskDefinition();
    const log = await createMachine(
      vault,
      { name: "web01", disks: [definition], keep: "last=1", everyHours: 24, timeZone: "UTC", protected: true },
      signal,
    );
    const days = (count: number): Promise<void> => pass(log, count, (hours) => (now = now.add({ hours })));
    const take = async (content: Uint8Array): Promise<PointId> =>
      (await backUp(vault, log, definition, diskOf(content))).point.point;

    const first = changed(new Uint8Array(BLOCKS * BLOCK), DATA_BLOCKS, "first");
    const second = changed(first, [0, 1, 2, 3, 4, 5, 33], "second");
    const third = changed(second, [1, 34], "third");
    const gone = await take(first);
    await days(1);
    const old = await take(second);
    await days(1);
    await deletePoint(log, gone, "no longer needed", signal);
    await days(1);
    const newest = await take(third);
    await days(6);
    const content = changed(third, [2, 35], "crashed");
    await crash(vault, log, definition, content);
    if (traits.damaged === true) await damage(store, vault, log, definition);
    await days(8);
    await putSummary({ store, keys: vault.keyring.keys, machine: log.machine }, log.fold, vault.random, signal);

    const lost = traits.damaged === true;
    const expected = new Map<PointId, Expected>([
      [gone, { content: first, damaged: lost ? [6] : [], lost: lost ? [0] : [] }],
      [old, { content: second, damaged: lost ? [0, 6] : [], lost: lost ? [1] : [] }],
      [newest, { content: third, damaged: lost ? [0, 6] : [], lost: [] }],
    ]);
    const points = [gone, old, newest] as const;
    const made = { traits, machine: log.machine, definition, points, expected, content, now };
    return new SharedWorld(made, await takeSnapshot(store));
  }

  async copy(): Promise<WorldCopy> {
    return new WorldCopy(this, await storeOf(this.#snapshot));
  }
}

/** One copy of a world, and the time in it. */
export class WorldCopy {
  readonly world: SharedWorld;
  readonly store: Store;
  now: Temporal.Instant;
  /** Points that may be purged by now, if somebody deletes them or has. */
  purgeable: ReadonlySet<PointId>;

  constructor(world: SharedWorld, store: Store) {
    this.world = world;
    this.store = store;
    this.now = world.now;
    this.purgeable = new Set([world.points[0]]);
  }

  /**
   * Opens vault and log as a process does that starts now.
   *
   * @param through   the view of the store that it works through from then on
   * @param hoursOff  by how much its clock is ahead
   */
  async client(name: string, through: Store = this.store, hoursOff = 0): Promise<Client> {
    const now = (): Temporal.Instant => this.now.add({ hours: hoursOff });
    const { vault, opened } = await openVault(through, name, now, this.world.traits);
    return { vault, opened, log: await openMachine(vault, this.world.machine, null, signal) };
  }

  /** The disk as it is now, but for new content in some blocks. */
  disk(...blocks: readonly number[]): MemoryDisk {
    return diskOf(changed(this.world.content, blocks, blocks.join()));
  }

  /** Lets days go by in which other hosts write to the log, so that no clock leaps against it. */
  async pass(days: number): Promise<void> {
    const { log } = await this.client(`host of ${this.now.toString()}`);
    await pass(log, days, (hours) => (this.now = this.now.add({ hours })));
    if (days > SOFT_DELETE_DAYS) this.purgeable = new Set([...this.purgeable, ...log.fold.points.keys()]);
  }
}

async function openVault(
  store: Store,
  name: string,
  now: () => Temporal.Instant,
  traits: WorldTraits,
): Promise<{ readonly vault: Vault; readonly opened: OpenedKeyring | null }> {
  const opened =
    traits.keyring === true ? await openKeyring(store, wayOf("host").secret, keyringDeps(name), signal) : null;
  const retry = { attempts: 4, delayMs: () => 0, sleep: () => Promise.resolve() };
  const keyring = opened === null ? keyringByHand(traits.newDataKey === true ? 2 : 1) : logKeyring(store, opened);
  const vault = { store, keyring, now, random: seededRandom(`client ${name}`), retry, host: name, program: "test" };
  return { vault, opened };
}

function keyringByHand(currentEpoch: 1 | 2): LogKeyring {
  const random = seededRandom("world keys");
  const first = testKeys(random);
  const second = testKeys(random).epochs.get(1);
  const epochs = new Map(second === undefined ? first.epochs : [...first.epochs, [2, second]]);
  const keyring: LogKeyring = {
    keys: { ...first, epochs, currentEpoch },
    faultOf: () => null,
    reopen: () => Promise.resolve(keyring),
  };
  return keyring;
}

function diskDefinition(): DiskDefinition {
  return {
    id: newId<DiskId>(seededRandom("world disk")),
    name: "sda",
    path: "/images/sda",
    host: "builder",
    blockBytes: BLOCK,
    identity: { kind: "file", stableId: null, sizeBytes: BLOCKS * BLOCK, layoutHash: null },
    addedAt: START.toString(),
  };
}

function diskOf(content: Uint8Array): MemoryDisk {
  return memoryDisk(content, { holes: [HOLE] });
}

function changed(content: Uint8Array, blocks: readonly number[], seed: string): Uint8Array {
  const random = seededRandom(`content ${seed}`);
  const copy = content.slice();
  for (const block of blocks) copy.set(random(BLOCK), block * BLOCK);
  return copy;
}

async function pass(log: Log, days: number, add: (hours: number) => void): Promise<void> {
  for (let left = days * 24; left > 0; left -= 6 * 24) {
    add(Math.min(left, 6 * 24));
    await log.append(() => ({ type: "machine", machine: log.fold.machine }), signal);
  }
}

/** A backup that logs a checkpoint after each stretch and ends for ever when it has all but committed. */
async function crash(vault: Vault, log: Log, definition: DiskDefinition, content: Uint8Array): Promise<void> {
  const stopped = Promise.withResolvers<void>();
  const store = gatedStore(vault.store, (call) => {
    if (call.operation !== "put" || !call.key.startsWith(objectKeys.pointPrefix(log.machine))) return Promise.resolve();
    stopped.resolve();
    return new Promise(() => undefined);
  });
  const crashing = { ...vault, store };
  const own = await openMachine(crashing, log.machine, null, signal);
  const checkpointEvery = { minutes: 0, bytes: 0 };
  void backUp(crashing, own, definition, diskOf(content), { checkpointEvery });
  await stopped.promise;
  await log.read(signal);
}

/** Flips a byte in four blocks, of two segments, and lets a check find them. */
async function damage(store: Store, vault: Vault, log: Log, { id: disk }: DiskDefinition): Promise<void> {
  const [first, second] = [...log.fold.points.values()].sort((a, b) => a.seq - b.seq);
  for (const [point, slots] of [
    [first, [0, 6]],
    [second, [0, 1]],
  ] as const) {
    if (point === undefined) continue;
    const segment = segmentId(point.session, 0);
    const key = objectKeys.segment(log.machine, disk, "data", segment, firstGeneration);
    for (const slot of slots) await flip(store, key, BLOCK + slot * BLOCK);
  }
  const options = { point: null, readData: { part: 1, of: 1 }, record: true, repair: true, progress: () => undefined };
  await check(vault, log, options, signal);
}
