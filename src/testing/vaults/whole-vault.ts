import assert from "node:assert/strict";

import type { DiskSource } from "#disk/contract.ts";
import { LockstepError } from "#errors/errors.ts";
import type { BackupOptions, BackupResult } from "#ops/backup/backup.ts";
import { check } from "#ops/check/check.ts";
import type { CheckOptions, CheckResult } from "#ops/check/check.ts";
import { machineNamed, nothingKnown, readMachines } from "#ops/machines/machines.ts";
import { prune } from "#ops/prune/prune.ts";
import type { PruneOptions, PruneResult } from "#ops/prune/prune.ts";
import type { Store } from "#store/contract.ts";
import { memoryStore } from "#store/memory.ts";
import { retrying } from "#store/retrying.ts";
import { memoryDisk } from "#testing/disks/memory-disk.ts";
import { seededRandom } from "#testing/random.ts";
import { copiedStore } from "#testing/stores/copied-store.ts";
import { recordingStore } from "#testing/stores/recording-store.ts";
import { keysOf } from "#testing/vaults/damage.ts";
import { fileKeyOf, keyringDeps } from "#testing/vaults/keyring-deps.ts";
import { backUp, BENCH_BLOCK_BYTES, readBack } from "#testing/vaults/vault-bench.ts";
import type { DiskDefinition, MachineDefinition } from "#vault/entry/machine-definition.ts";
import type { PointState } from "#vault/fold/fold.ts";
import { createVault } from "#vault/keyring/keyring-change.ts";
import type { KeyringDeps } from "#vault/keyring/keyring-change.ts";
import { openKeyring } from "#vault/keyring/keyring-open.ts";
import type { OpenedKeyring } from "#vault/keyring/keyring.ts";
import { logKeyring } from "#vault/keyring/log-keyring.ts";
import type { UnlockSecret } from "#vault/keyring/unlock-way.ts";
import type { Head } from "#vault/log/log-reader.ts";
import type { Log } from "#vault/log/log.ts";
import { createMachine } from "#vault/log/roster.ts";
import { newId } from "#vault/object/ids.ts";
import type { DiskId, PointId } from "#vault/object/ids.ts";
import { readBody } from "#vault/point-body.ts";
import type { Vault } from "#vault/vault.ts";

const { signal } = new AbortController();

/** What somebody has who opened the vault from nothing. */
export type Client = { readonly opened: OpenedKeyring; readonly vault: Vault; readonly log: Log };

/** The key file that opens every whole vault. */
export const wholeVaultSecret: UnlockSecret = fileKeyOf(1);

type Parts = {
  readonly seed: string;
  readonly store: Store;
  readonly definition: DiskDefinition;
  readonly content: Uint8Array;
};

/**
 * A vault with everything that a real one has: a keyring that a key file opens, and a machine of one disk. It knows what
 * each point must give that was taken of it, and can be copied, so that the same moment is lived through in many ways.
 */
export class WholeVault {
  readonly seed: string;
  readonly store: Store;
  readonly definition: DiskDefinition;
  /** What the disk has now. */
  content: Uint8Array;
  now = Temporal.Instant.from("2026-11-23T14:05:00Z");
  /** Points whose backup was answered and that nobody purged, and what they must give. */
  readonly expected = new Map<PointId, Uint8Array>();
  #clients = 0;

  private constructor({ seed, store, definition, content }: Parts) {
    this.seed = seed;
    this.store = store;
    this.definition = definition;
    this.content = content;
  }

  /** @param blocks  blocks of the disk, all random at first */
  static async make(
    seed: string,
    blocks: number,
    { store = memoryStore({ singleDisk: true }), ...more }: Partial<MachineDefinition> & { store?: Store } = {},
  ): Promise<WholeVault> {
    const content = seededRandom(`${seed} content`)(blocks * BENCH_BLOCK_BYTES);
    const definition: DiskDefinition = {
      id: newId<DiskId>(seededRandom(`${seed} disk`)),
      name: "sda",
      path: "/images/sda",
      host: "host-0",
      blockBytes: BENCH_BLOCK_BYTES,
      identity: { kind: "file", stableId: null, sizeBytes: content.length, layoutHash: null },
      addedAt: "2026-11-23T14:05:00Z",
    };
    const whole = new WholeVault({ seed, store, definition, content });
    const ways = [{ label: "host", secret: wholeVaultSecret }];
    const opened = await createVault(store, { ways }, whole.keyringDeps(), signal);
    const machine = { name: "web01", keep: "", everyHours: 24, timeZone: "UTC", protected: true };
    await createMachine(whole.#vault(store, opened), { ...machine, disks: [definition], ...more }, signal);
    return whole;
  }

  /** The same vault, as it is now, in a store of its own. @param store  one that has its objects already */
  async copy(store?: Store): Promise<WholeVault> {
    const { seed, definition, content } = this;
    const copy = new WholeVault({ seed, store: store ?? (await copiedStore(this.store)), definition, content });
    copy.now = this.now;
    for (const [point, bytes] of this.expected) copy.expected.set(point, bytes);
    copy.#clients = this.#clients;
    return copy;
  }

  /** Each call gives randomness of its own. */
  keyringDeps(): KeyringDeps {
    return keyringDeps(`${this.seed} client ${this.#clients++}`);
  }

  /**
   * Opens the vault and its machine as another process would.
   *
   * @param store  another view of the same objects
   * @throws {LockstepError} why it cannot be opened
   */
  async open(store: Store = this.store, expect: Head | null = null, secret = wholeVaultSecret): Promise<Client> {
    const deps = this.keyringDeps();
    const patient = retrying(store, deps.retry);
    const opened = await openKeyring(patient, secret, deps, signal);
    const vault = this.#vault(patient, opened);
    const machine = () => Promise.resolve(expect === null ? null : { name: "web01", head: expect });
    const log = machineNamed(await readMachines(vault, { ...nothingKnown, machine }, signal), "web01");
    return { opened, vault, log };
  }

  /** Gives blocks of the disk new random content. */
  change(first: number, count: number, step = 1): void {
    const random = seededRandom(`${this.seed} ${first} ${count} ${step} ${this.expected.size}`);
    this.content = this.content.slice();
    for (let i = 0; i < count; i++) this.content.set(random(BENCH_BLOCK_BYTES), (first + i * step) * BENCH_BLOCK_BYTES);
  }

  async backUp(client: Client, more: Partial<BackupOptions> = {}, disk?: DiskSource): Promise<BackupResult> {
    const { content } = this;
    const result = await backUp(client.vault, client.log, this.definition, disk ?? memoryDisk(content), more);
    this.expected.set(result.point.point, content);
    return result;
  }

  prune(client: Client, more: Partial<PruneOptions> = {}): Promise<PruneResult> {
    const options = { dryRun: false, closeStalled: false, progress: () => undefined, ...more };
    return prune(client.vault, client.log, options, signal);
  }

  /** Reads everything, and changes nothing, unless told otherwise. */
  check(client: Client, more: Partial<CheckOptions> = {}): Promise<CheckResult> {
    const quiet = { point: null, record: false, repair: false, progress: () => undefined };
    return check(client.vault, client.log, { ...quiet, readData: { part: 1, of: 1 }, ...more }, signal);
  }

  /** A point's disk. @throws {LockstepError} why it cannot be read */
  async read(client: Client, point: PointState): Promise<Uint8Array> {
    return (await readBack(client.vault, client.log, point, this.definition)).bytes;
  }

  /** Lets time go by as it does where backups run: the log never leaps. */
  async pass(client: Client, days: number): Promise<void> {
    for (let left = days * 24; left > 0; left -= 6 * 24) {
      this.now = this.now.add({ hours: Math.min(left, 6 * 24) });
      await client.log.append(({ machine }) => ({ type: "machine", machine }), signal);
    }
  }

  #vault(store: Store, opened: OpenedKeyring): Vault {
    const host = `host-${this.#clients++}`;
    const random = seededRandom(`${this.seed} ${host}`);
    const { retry } = this.keyringDeps();
    return { store, keyring: logKeyring(store, opened), now: () => this.now, random, retry, host, program: "test" };
  }
}

/** What a test lets happen to points besides what was answered. */
export type Allowance = {
  /** The content of one more point that may be there: its backup got no answer. */
  readonly unanswered?: Uint8Array;
  /** Points that may be purged. */
  readonly mayGo?: ReadonlySet<PointId>;
};

/** Asserts that a vault has the points that were answered, and no others but those that are allowed. */
export function assertPoints(whole: WholeVault, { log }: Client, allowed: Allowance, way: string): void {
  const { points } = log.fold;
  for (const point of whole.expected.keys()) {
    assert.ok(points.has(point) || allowed.mayGo?.has(point), `${way}: point ${point} is lost`);
  }
  const others = [...points].filter(([point]) => !whole.expected.has(point));
  assert.ok(others.length <= (allowed.unanswered === undefined ? 0 : 1), `${way}: points came from nowhere`);
}

/**
 * Asserts that a vault is as it must be: it has the right points, each gives what it must, a check of everything finds
 * nothing wrong, and after one more prune nothing dead is left: every object of disks and points is one that reading all
 * points asks for, or the second copy of such a one. That knows nothing of how a prune decides.
 */
export async function assertWhole(whole: WholeVault, allowed: Allowance, way: string): Promise<void> {
  const before = await whole.open();
  assertPoints(whole, before, allowed, way);
  await whole.prune(before, { closeStalled: true });
  const { store, calls } = recordingStore(whole.store);
  const client = await whole.open(store);
  assertPoints(whole, client, allowed, way);
  for (const state of client.log.fold.points.values()) {
    const expected = whole.expected.get(state.point) ?? allowed.unanswered ?? new Uint8Array();
    assert.ok(Buffer.from(await whole.read(client, state)).equals(expected), `${way}: ${state.point} gives wrong data`);
    await readBody(client.vault, client.log.machine, state, signal);
  }
  const wanted = new Set(calls.map(({ key }) => key));
  const dead = await keysOf(whole.store, (key) => isOfPoints(key) && !wanted.has(key.replace(/^copies\//, "")));
  assert.deepEqual(dead, [], `${way}: dead objects are left`);
  const found = await whole.check(client, { repair: true });
  assert.ok(found.ok, `${way}: ${JSON.stringify({ ...found, copies: found.copies.filter((each) => !each.repaired) })}`);
  assert.deepEqual([found.readable, client.log.fold.damaged.size], [[], 0], `${way}: what is right is called damaged`);
}

function isOfPoints(key: string): boolean {
  return key.includes("/disks/") || key.includes("/points/");
}

/** Asserts that an error is one that a user can act on, and no bug. */
export function assertClear(error: unknown, way: string): asserts error is LockstepError {
  assert.ok(error instanceof LockstepError, `${way}: ${error instanceof Error ? error.stack : String(error)}`);
}
