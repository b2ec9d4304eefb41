import type { BackupResult } from "#ops/backup/backup.ts";
import type { BackupOptions } from "#ops/backup/backup.ts";
import { prune } from "#ops/prune/prune.ts";
import type { PruneOptions, PruneResult } from "#ops/prune/prune.ts";
import type { Store } from "#store/contract.ts";
import { memoryStore } from "#store/memory.ts";
import { memoryDisk } from "#testing/disks/memory-disk.ts";
import { seededRandom } from "#testing/random.ts";
import { backUp, BENCH_BLOCK_BYTES, readBack, VaultBench } from "#testing/vaults/vault-bench.ts";
import type { DiskDefinition, MachineDefinition } from "#vault/entry/machine-definition.ts";
import type { PointState } from "#vault/fold/fold.ts";
import type { Log } from "#vault/log/log.ts";
import type { PointId } from "#vault/object/ids.ts";
import { readBody } from "#vault/point-body.ts";
import type { Vault } from "#vault/vault.ts";

/** A machine of one disk in a vault, with its content and every point that was taken of it. */
export class MaintenanceBench {
  readonly bench: VaultBench;
  readonly vault: Vault;
  readonly log: Log;
  readonly definition: DiskDefinition;
  content: Uint8Array;
  /** What each point must give when it is read. */
  readonly expected = new Map<PointId, Uint8Array>();

  private constructor(bench: VaultBench, log: Log, definition: DiskDefinition, content: Uint8Array) {
    this.bench = bench;
    this.vault = bench.vault();
    this.log = log;
    this.definition = definition;
    this.content = content;
  }

  /** @param blocks  blocks of the disk, all random at first */
  static async make(
    seed: string,
    blocks: number,
    { store = memoryStore(), ...more }: Partial<MachineDefinition> & { store?: Store } = {},
  ): Promise<MaintenanceBench> {
    const bench = new VaultBench(seed, store);
    const content = seededRandom(`${seed} content`)(blocks * BENCH_BLOCK_BYTES);
    const definition = bench.disk("sda", content.length);
    const log = await bench.createMachine([definition], more);
    return new MaintenanceBench(bench, log, definition, content);
  }

  get signal(): AbortSignal {
    return this.bench.signal;
  }

  get store(): Store {
    return this.bench.store;
  }

  /** Gives blocks new random content. */
  change(first: number, count: number, step = 1): void {
    const random = seededRandom(`${first} ${count} ${step} ${this.expected.size}`);
    this.content = this.content.slice();
    for (let i = 0; i < count; i++) {
      this.content.set(random(BENCH_BLOCK_BYTES), (first + i * step) * BENCH_BLOCK_BYTES);
    }
  }

  async backUp(more: Partial<BackupOptions> = {}): Promise<BackupResult> {
    const result = await backUp(this.vault, this.log, this.definition, memoryDisk(this.content), more);
    this.expected.set(result.point.point, this.content);
    return result;
  }

  /** Lets time go by as it does where backups run: the log never leaps. */
  async pass(days: number): Promise<void> {
    const { clock } = this.bench;
    const step = 6 * 24 * 60;
    for (let left = Math.round(days * 24 * 60); left > 0; left -= step) {
      clock.now = clock.now.add({ minutes: Math.min(left, step) });
      const { machine } = this.log.fold;
      await this.log.append(() => ({ type: "machine", machine }), this.signal);
    }
  }

  prune(more: Partial<PruneOptions> = {}, vault = this.vault, log = this.log): Promise<PruneResult> {
    const options = { dryRun: false, closeStalled: false, progress: () => undefined, ...more };
    return prune(vault, log, options, this.signal);
  }

  /** Points that do not give what was backed up. @throws what reading a disk or a body throws */
  async unlike(): Promise<PointState[]> {
    const log = await this.bench.log(this.vault, this.log);
    const wrong: PointState[] = [];
    for (const point of log.fold.points.values()) {
      const expected = this.expected.get(point.point) ?? new Uint8Array();
      const { bytes } = await readBack(this.vault, log, point, this.definition);
      const { point: named } = await readBody(this.vault, log.machine, point, this.signal);
      if (named !== point.point || !Buffer.from(bytes).equals(expected)) wrong.push(point);
    }
    return wrong;
  }
}
