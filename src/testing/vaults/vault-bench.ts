import type { DiskSource } from "#disk/contract.ts";
import { backup } from "#ops/backup/backup.ts";
import type { BackupOptions, BackupResult, BackupSource } from "#ops/backup/backup.ts";
import { restoreDisk } from "#ops/restore/restore-disk.ts";
import type { RestoredDisk } from "#ops/restore/restore-disk.ts";
import type { Store } from "#store/contract.ts";
import { memoryStore } from "#store/memory.ts";
import { memoryTarget } from "#testing/disks/memory-disk.ts";
import { seededRandom } from "#testing/random.ts";
import { testKeys } from "#testing/vaults/vault-keys.ts";
import type { DiskDefinition, MachineDefinition } from "#vault/entry/machine-definition.ts";
import type { PointState } from "#vault/fold/fold.ts";
import type { LogKeyring } from "#vault/keyring/log-keyring.ts";
import type { Log } from "#vault/log/log.ts";
import { createMachine } from "#vault/log/roster.ts";
import { newId } from "#vault/object/ids.ts";
import type { DiskId } from "#vault/object/ids.ts";
import { rootFromText } from "#vault/segments/pointer.ts";
import { NodeReader } from "#vault/tree/node-reader.ts";
import { openMachine, segmentReader } from "#vault/vault.ts";
import type { Vault } from "#vault/vault.ts";

/** Small blocks, so that small disks have trees. */
export const BENCH_BLOCK_BYTES = 4096;

export const benchBackupOptions: BackupOptions = {
  lanes: { lanes: 1, threads: false, segmentBytes: 16 * BENCH_BLOCK_BYTES },
  changesSince: null,
  tornOk: false,
  skipUnreadable: false,
  checkpointEvery: { minutes: 60, bytes: 2 ** 50 },
  progress: () => undefined,
};

/** A clock that a test moves. */
export type BenchClock = { now: Temporal.Instant };

/** A vault with a machine in it, over any store; the keyring is made by hand. */
export class VaultBench {
  readonly store: Store;
  readonly clock: BenchClock = { now: Temporal.Instant.from("2026-11-23T14:05:00Z") };
  readonly signal = new AbortController().signal;
  readonly #keyring: LogKeyring;
  readonly #seed: string;
  #vaults = 0;

  constructor(seed: string, store: Store = memoryStore()) {
    this.#seed = seed;
    this.store = store;
    const keys = testKeys(seededRandom(`${seed} keys`));
    this.#keyring = { keys, faultOf: () => null, reopen: () => Promise.resolve(this.#keyring) };
  }

  /** The vault as one more client opens it, through `store` where that is another view of the same. */
  vault(store: Store = this.store): Vault {
    return {
      store,
      keyring: this.#keyring,
      now: () => this.clock.now,
      random: seededRandom(`${this.#seed} client ${this.#vaults++}`),
      retry: { attempts: 4, delayMs: () => 0, sleep: () => Promise.resolve() },
      host: "bench",
      program: "test",
    };
  }

  disk(name: string, sizeBytes: number, blockBytes = BENCH_BLOCK_BYTES): DiskDefinition {
    return {
      id: newId<DiskId>(seededRandom(`${this.#seed} disk ${name}`)),
      name,
      path: `/images/${name}`,
      host: "bench",
      blockBytes,
      identity: { kind: "file", stableId: null, sizeBytes, layoutHash: null },
      addedAt: this.clock.now.toString(),
    };
  }

  createMachine(disks: readonly DiskDefinition[], more: Partial<MachineDefinition> = {}): Promise<Log> {
    const definition = { name: "web01", disks, keep: "", everyHours: 24, timeZone: "UTC", protected: true, ...more };
    return createMachine(this.vault(), definition, this.signal);
  }

  /** Another client's view of a machine's log. */
  log(vault: Vault, of: Log): Promise<Log> {
    return openMachine(vault, of.machine, null, this.signal);
  }
}

/** A source as a backup takes it: held by nobody, to be scanned. */
export function benchSource(
  definition: DiskDefinition,
  source: DiskSource,
  more: Partial<BackupSource> = {},
): BackupSource {
  return { definition, source, consistency: "offline", torn: null, changes: { kind: "scan" }, ...more };
}

/** Takes a point of one disk. */
export function backUp(
  vault: Vault,
  log: Log,
  definition: DiskDefinition,
  source: DiskSource,
  more: Partial<BackupOptions> = {},
): Promise<BackupResult> {
  const { signal } = new AbortController();
  return backup(vault, log, [benchSource(definition, source)], { ...benchBackupOptions, ...more }, signal);
}

/** Reads a disk of a point back. */
export async function readBack(
  vault: Vault,
  log: Log,
  point: PointState,
  definition: DiskDefinition,
): Promise<{ readonly bytes: Uint8Array; readonly restored: RestoredDisk }> {
  const { signal } = new AbortController();
  const disk = point.disks.find((each) => each.disk === definition.id);
  if (disk === undefined) throw new Error(`the point has no disk ${definition.name}`);
  const segments = segmentReader(vault, log, point.point);
  const nodes = new NodeReader(segments, vault.keyring.keys, definition.id);
  const target = memoryTarget(disk.sizeBytes);
  const { blockBytes } = definition;
  const tree = { root: rootFromText(disk.root), blocks: Math.ceil(disk.sizeBytes / blockBytes) };
  const stored = { disk: definition.id, name: definition.name, sizeBytes: disk.sizeBytes, blockBytes, tree };
  const restored = await restoreDisk(
    { segments, nodes, target },
    stored,
    { compare: null, windowBytes: 16 * BENCH_BLOCK_BYTES, progress: () => undefined },
    signal,
  );
  return { bytes: target.bytes, restored };
}
