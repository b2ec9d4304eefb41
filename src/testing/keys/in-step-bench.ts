import type { KeyClient } from "#client/key-client.ts";
import { backup } from "#ops/backup/backup.ts";
import { logVolumes, volumesOfDisk } from "#ops/points/log-volumes.ts";
import { memoryDisk } from "#testing/disks/memory-disk.ts";
import { addPassphrase, testKeySide } from "#testing/keys/key-side.ts";
import type { TestKeySide } from "#testing/keys/key-side.ts";
import { presentedOf } from "#testing/keys/presented-volume.ts";
import { VaultBench, benchBackupOptions, benchSource } from "#testing/vaults/vault-bench.ts";
import { sampleVolume } from "#testing/volumes/luks1-sample.ts";
import { mbrSector } from "#testing/volumes/partition-maker.ts";
import type { DiskDefinition } from "#vault/entry/machine-definition.ts";
import type { Log } from "#vault/log/log.ts";
import type { PointId } from "#vault/object/ids.ts";
import type { Vault } from "#vault/vault.ts";

const MIB = 1024 * 1024;

/** The passphrase of a keyslot of the sample, the one that costs least. */
const passphrase = "cheap";

/** A machine whose only disk has a LUKS1 volume in partition 1, in a vault, beside a key side that knows the vault. */
export class InStepBench implements Disposable {
  readonly keySide: TestKeySide;
  readonly vaultBench: VaultBench;
  readonly vault: Vault;
  readonly log: Log;
  readonly definition: DiskDefinition;
  readonly content: Uint8Array;
  /** Asks as the backup side. Tests put others in its place. */
  client: KeyClient;

  private constructor(keySide: TestKeySide, bench: VaultBench, log: Log, definition: DiskDefinition) {
    this.keySide = keySide;
    this.vaultBench = bench;
    this.vault = bench.vault();
    this.log = log;
    this.definition = definition;
    this.content = new Uint8Array(3 * MIB);
    this.content.set(mbrSector([{ type: 0x83, first: 2048, sectors: 4096 }]));
    this.content.set(sampleVolume, MIB);
    this.client = { call: (name, input) => keySide.as("backup", name, input) };
  }

  static async make(seed: string): Promise<InStepBench> {
    const keySide = await testKeySide();
    const bench = new VaultBench(seed);
    bench.clock.now = Temporal.Instant.from("2026-01-01T00:00:00Z");
    const definition = bench.disk("sda", 3 * MIB);
    const log = await bench.createMachine([definition]);
    const made = new InStepBench(keySide, bench, log, definition);
    const { vaultId } = made.vault.keyring.keys;
    const enrolment = { name: "vault", rootCommitment: "0".repeat(64), reporter: "backup" };
    await keySide.as("custodian", "vault.enrol", { vault: vaultId, ...enrolment });
    return made;
  }

  get signal(): AbortSignal {
    return this.vaultBench.signal;
  }

  get deps() {
    return { vault: this.vault, log: this.log, client: this.client };
  }

  /** Takes a point; its volumes are logged unless told otherwise. */
  async backUp(options: { readonly unlogged?: true } = {}): Promise<PointId> {
    const sources = [benchSource(this.definition, memoryDisk(this.content))];
    const { point, volumes } = await backup(this.vault, this.log, sources, benchBackupOptions, this.signal);
    const disks = point.disks.map(({ disk, name }) => volumesOfDisk(disk, volumes.get(name)));
    if (options.unlogged !== true) await logVolumes(this.log, [{ point: point.point, disks }], this.signal);
    return point.point;
  }

  /** Gives the key side the passphrase as `web01/v1`, and binds it to the disk's volume. */
  async bindKey(): Promise<void> {
    await addPassphrase(this.keySide, "web01", passphrase);
    const header = await presentedOf(this.content.subarray(MIB));
    const place = { machine: "web01", disk: "sda", volume: "1" };
    const bound = { place, source: "live", protector: null, volumeUuid: null } as const;
    await this.keySide.as("custodian", "key.bind", { version: "web01/v1", header, ...bound });
  }

  /** Moves both sides' clocks. */
  pass(duration: Temporal.DurationLike): void {
    this.keySide.pass(duration);
    const { clock } = this.vaultBench;
    clock.now = clock.now.toZonedDateTimeISO("UTC").add(duration).toInstant();
  }

  [Symbol.dispose](): void {
    this.keySide[Symbol.dispose]();
  }
}
