import assert from "node:assert/strict";

import type { RolloverFacts } from "#api/rollover.ts";
import { base64, fromBase64, hex } from "#bytes/text.ts";
import { sha256 } from "#crypto/derive.ts";
import type { Random } from "#crypto/derive.ts";
import type { KeyClient } from "#client/key-client.ts";
import { LockstepError } from "#errors/errors.ts";
import { findVersion, loadVersions, versionName, versionValue } from "#keys/versions.ts";
import type { Version } from "#keys/versions.ts";
import { backup } from "#ops/backup.ts";
import { check } from "#ops/check.ts";
import { encryptedVolumes } from "#ops/encrypted-volumes.ts";
import { keepInStep } from "#ops/keep-in-step.ts";
import { logVolumes, volumesOfDisk } from "#ops/log-volumes.ts";
import { machineHealth } from "#ops/machine-health.ts";
import { lightTerms, pointLights } from "#ops/point-light.ts";
import { drawPicture } from "#ops/picture.ts";
import { prune } from "#ops/prune.ts";
import { makeReport, reportPicture } from "#ops/report.ts";
import { storedHeader } from "#ops/stored-volumes.ts";
import { failingStore } from "#testing/failing-store.ts";
import { memoryDisk } from "#testing/memory-disk.ts";
import { presentedOf } from "#testing/presented.ts";
import { seededRandom } from "#testing/random.ts";
import { benchBackupOptions, benchSource, VaultBench } from "#testing/vault-bench.ts";
import type { PointState } from "#vault/fold.ts";
import type { Head } from "#vault/log-reader.ts";
import type { Log } from "#vault/log.ts";
import type { DiskDefinition } from "#vault/machine-definition.ts";
import { readBody } from "#vault/point-body.ts";
import { openMachine } from "#vault/vault.ts";
import type { Vault } from "#vault/vault.ts";
import { piecesSource } from "#volume/pieces-source.ts";
import { memorySource } from "#volume/source.ts";
import { readVolumeHeader } from "#volume/volume-header.ts";

import { bitlockerGuest, luksGuest } from "./year-guests.ts";
import type { Guest } from "./year-guests.ts";
import { kdf, YearKeySide } from "./year-key-side.ts";

const { signal } = new AbortController();

/** A machine: the guest's disk, its log as this host knows it, and what the guest's owner knows. */
export type Machine = {
  readonly name: string;
  readonly guest: Guest;
  readonly disk: DiskDefinition;
  log: Log;
  /** The newest entry that this host has seen. */
  head: Head | null;
  /** The day on which all its data were read last. */
  readDay: number;
  /** What its current protector is bound by. */
  binding: string;
  /** How the disk is presented to a backup; tests put a damaged one in its place. */
  shown: (image: Uint8Array) => Uint8Array;
};

/** Days between checks of all points. */
export const CHECK_DAYS = 5;
/** A point is derived for anew in each check, and its date never older than a light takes. */
const PROOF_DAYS = CHECK_DAYS - 1;
/** So often that one that is missed lets no ten points go at once, which would be an alarm. */
const PRUNE_DAYS = 3;
const READ_DAYS = 25;
const ROLLOVER_DAYS = 30;

/** Machines, their vault and the key side, on a clock that only days move. What needs a person comes out as signs. */
export class YearWorld implements Disposable {
  readonly random: Random;
  readonly bench: VaultBench;
  readonly machines: Machine[] = [];
  readonly keySide: YearKeySide;
  /** What a person was told today, in words that begin with a kind. */
  readonly signs = new Set<string>();
  /** Versions whose values were destroyed on purpose, and with consent. */
  readonly destroyed = new Set<string>();
  readonly counts = { backups: 0, derived: 0, carried: 0, rollovers: 0, kills: 0, refusals: 0, opened: 0 };
  vault: Vault;
  /** How many days the clock of the backup side is ahead. */
  clockAhead = 0;
  readonly #clock: { day: number };
  /** The versions that open a header, by the header's digest: what really was, whatever anybody says. */
  readonly #truth = new Map<string, readonly string[]>();
  /** Headers and values that were seen to fit. */
  readonly #fits = new Set<string>();

  private constructor(random: Random, bench: VaultBench, keySide: YearKeySide, clock: { day: number }) {
    this.#clock = clock;
    this.random = random;
    this.bench = bench;
    this.keySide = keySide;
    this.vault = bench.vault();
  }

  static async make(
    seed: string,
    { folder, luks, keep }: { readonly folder: string; readonly luks: number; readonly keep: string },
  ): Promise<YearWorld> {
    const random = seededRandom(`${seed} world`);
    const bench = new VaultBench(seed);
    const clock = { day: 0 };
    const keySide = await YearKeySide.make(folder, { now: () => timeOf(clock), random });
    const world = new YearWorld(random, bench, keySide, clock);
    bench.clock.now = world.now;
    const vault = world.vault.keyring.keys.vaultId;
    const enrolment = { name: "vault", rootCommitment: "0".repeat(64), reporter: "backup" };
    await keySide.as("custodian", "vault.enrol", { vault, ...enrolment });
    await keySide.as("custodian", "policy.set", { proofIntervalDays: PROOF_DAYS });
    for (let number = 1; number <= luks; number++) {
      await world.#addMachine(`web${number}`, luksGuest(`${seed} web${number}`, random), keep);
    }
    await world.#addMachine("dc1", bitlockerGuest(random), keep);
    return world;
  }

  /** Days since it began. */
  get day(): number {
    return this.#clock.day;
  }

  /** What the clocks that are right say. */
  get now(): Temporal.Instant {
    return timeOf(this.#clock);
  }

  /** One of several, by chance. */
  chance(most: number): number {
    const [a = 0, b = 0] = this.random(2);
    return Math.floor(((a * 256 + b) / 65_536) * most);
  }

  /** A day of all machines: what people and timers do. Signs are of this day alone. */
  async passDay(): Promise<void> {
    this.#clock.day++;
    this.setClocks();
    this.signs.clear();
    for (const [index, machine] of this.machines.entries()) {
      if (this.day % ROLLOVER_DAYS === 5 * index + 3) await this.#rollOver(machine);
      machine.guest.write();
      if (await this.#saying(machine, "opening", () => this.#open(machine))) await this.#passDayOf(machine, index);
    }
    if (this.day % ROLLOVER_DAYS === 0) await this.#cleanUp();
    const { alarms } = await this.keySide.as("backup", "alarm.list", {});
    for (const { machineName } of alarms) this.signs.add(`alarm ${machineName}`);
  }

  /** A day on which nothing is wrong: nothing is told either. */
  async passQuietDay(): Promise<void> {
    await this.passDay();
    assert.deepEqual([...this.signs], [], `day ${this.day}: nothing is wrong`);
    await this.assertInvariants();
  }

  /** Sets the clock of the backup side. */
  setClocks(): void {
    this.bench.clock.now = this.now.add({ hours: 24 * this.clockAhead });
  }

  /** The version of a machine's key that is in use. */
  currentVersion(name: string): Version {
    return findVersion(this.keySide.store, name);
  }

  /** What must hold on every day, whatever was done to the world. */
  async assertInvariants(): Promise<void> {
    const { store } = this.keySide;
    const gone = new Set(
      loadVersions(store, null)
        .filter(({ destroyedMs }) => destroyedMs !== null)
        .map((version) => versionName(version)),
    );
    for (const machine of this.machines) {
      const { fold } = machine.log;
      const lightOf = pointLights(fold, lightTerms, this.now);
      for (const [, point] of fold.points) {
        for (const { volume } of encryptedVolumes(point)) {
          const needed = this.#truth.get(volume.headerDigest) ?? [];
          for (const version of needed)
            assert.ok(!gone.has(version), `${version} is destroyed, and ${machine.name} needs it`);
        }
        if (point.deleted !== null) continue;
        const { light, versions } = lightOf(point);
        if (light === "green") await this.#assertOpens(machine, point, versions);
      }
    }
  }

  /** What the report shows of it. */
  async picture(): Promise<string> {
    const client: KeyClient = { call: (name, input) => this.keySide.as("auditor", name, input) };
    const logs = this.machines.map(({ log }) => log);
    const vault = { id: this.vault.keyring.keys.vaultId, place: "memory" };
    const given = { vault, machines: { logs, faults: [], warnings: [] }, client, now: this.now };
    return drawPicture(reportPicture(await makeReport(given, signal))).text;
  }

  /** As the vault is from now on; null: as it was made. */
  useStore(store: Vault["store"] | null): void {
    this.vault = store === null ? this.bench.vault() : this.bench.vault(store);
  }

  /** A key side that is killed when it is asked for the nth time, before or after it did it, and starts again at once. */
  client(killAt = Infinity, before = true): KeyClient {
    let calls = 0;
    return {
      call: async (name, input) => {
        if (++calls !== killAt) return this.keySide.as("backup", name, input);
        if (!before) await this.keySide.as("backup", name, input);
        await this.keySide.restart();
        throw new LockstepError("KEY_SIDE_UNREACHABLE", `asking the key side for ${name}: it was killed`);
      },
    };
  }

  [Symbol.dispose](): void {
    this.keySide[Symbol.dispose]();
  }

  async #addMachine(name: string, guest: Guest, keep: string): Promise<void> {
    const disk = this.bench.disk(`${name}-sda`, guest.sizeBytes);
    const log = await this.bench.createMachine([disk], { name, keep });
    const given = { name, kind: guest.kind, note: "", activatesAt: null, expiresAt: null } as const;
    await this.keySide.as("custodian", "key.add", { ...given, value: base64(guest.firstValue) });
    const header = await presentedOf(guest.image());
    const place = { machine: name, disk: disk.name, volume: "disk" };
    const live = { place, source: "live", protector: null, volumeUuid: null } as const;
    const { binding } = await this.keySide.as("custodian", "key.bind", { version: `${name}/v1`, header, ...live });
    const machine: Machine = {
      name,
      guest,
      disk,
      log,
      head: null,
      readDay: 0,
      binding: binding.id,
      shown: (image) => image,
    };
    this.machines.push(machine);
    await this.#learn(machine, [`${name}/v1`]);
  }

  /** Notes which versions really open the disk as it is. */
  async #learn({ guest }: Machine, versions: readonly string[]): Promise<void> {
    const { facts } = await readVolumeHeader(memorySource(guest.image()), "a guest's disk", signal);
    this.#truth.set(facts.headerDigest, versions);
  }

  /** What is done to a machine's log in a day. */
  async #passDayOf(machine: Machine, index: number): Promise<void> {
    await this.#saying(machine, "backup", () => this.#backUp(machine));
    if (this.day % PRUNE_DAYS === index % PRUNE_DAYS) await this.#saying(machine, "prune", () => this.#prune(machine));
    if (this.day - machine.readDay >= READ_DAYS) await this.#saying(machine, "read", () => this.#readAll(machine));
    await this.#saying(machine, "check", () => this.#check(machine, this.day % CHECK_DAYS === 0));
    machine.head = { seq: machine.log.fold.seq, hash: machine.log.fold.hash };
    this.#look(machine);
  }

  /** As a process does that has just begun: it must find what this host has seen before. */
  async #open(machine: Machine): Promise<void> {
    machine.log = await openMachine(this.vault, machine.log.machine, machine.head, signal);
  }

  /**
   * Does what a person or a timer does; what comes of it is told, and keeps nobody from the rest of the day.
   *
   * @returns  whether it worked
   */
  async #saying(machine: Machine, what: string, run: () => Promise<void>): Promise<boolean> {
    try {
      await run();
      return true;
    } catch (error) {
      if (!(error instanceof LockstepError)) throw error;
      this.signs.add(`${what} of ${machine.name} failed: ${error.code}`);
      return false;
    }
  }

  async #backUp(machine: Machine): Promise<void> {
    if (this.chance(12) === 0) await this.#killedBackUp(machine);
    const source = benchSource(machine.disk, memoryDisk(machine.shown(machine.guest.image())));
    const { point, volumes } = await backup(this.vault, machine.log, [source], benchBackupOptions, signal);
    const disks = point.disks.map(({ disk, name }) => volumesOfDisk(disk, volumes.get(name)));
    await logVolumes(machine.log, [{ point: point.point, disks }], signal);
    this.counts.backups++;
  }

  /** A backup that dies somewhere on the way; whether its point is there nobody was told. */
  async #killedBackUp(machine: Machine): Promise<void> {
    this.counts.kills++;
    const failing = failingStore(this.vault.store, { fault: "before", lasts: "for ever" });
    const vault = { ...this.vault, store: failing.store, retry: { ...this.vault.retry, attempts: 1 } };
    const log = await openMachine(vault, machine.log.machine, machine.head, signal);
    failing.arm(1 + this.chance(20));
    const source = benchSource(machine.disk, memoryDisk(machine.shown(machine.guest.image())));
    try {
      await backup(vault, log, [source], benchBackupOptions, signal);
    } catch (error) {
      if (!(error instanceof LockstepError) || error.code !== "STORE_UNAVAILABLE") throw error;
    }
    await machine.log.read(signal);
  }

  async #prune({ log }: Machine): Promise<void> {
    await prune(this.vault, log, { dryRun: false, closeStalled: false, progress: () => undefined }, signal);
  }

  async #readAll(machine: Machine): Promise<void> {
    const { log, name } = machine;
    const options = {
      point: null,
      readData: { part: 1, of: 1 },
      record: true,
      repair: true,
      progress: () => undefined,
    };
    const { damage } = await check(this.vault, log, options, signal);
    if (damage.length > 0) this.signs.add(`damage in ${name}`);
    machine.readDay = this.day;
  }

  /** @param all  all points; else those that are not green */
  async #check(machine: Machine, all: boolean): Promise<void> {
    if (this.chance(12) === 0) {
      this.counts.kills++;
      await this.#prove(machine, all, this.client(1 + this.chance(8), this.chance(2) === 0));
    }
    const trouble = await this.#prove(machine, all, this.client());
    if (trouble !== null) this.signs.add(`check of ${machine.name}: ${trouble}`);
  }

  async #prove({ name, log }: Machine, all: boolean, client: KeyClient): Promise<string | null> {
    const lightOf = pointLights(log.fold, lightTerms, this.now);
    const live = [...log.fold.points].filter(([, { deleted }]) => deleted === null);
    const points = live.filter(([, point]) => all || lightOf(point).light !== "green").map(([id]) => id);
    const options = { anew: false, progress: () => undefined };
    const { proved, report, trouble } = await keepInStep({ vault: this.vault, log, client }, points, options, signal);
    for (const { stated, headerDiffers, why } of [...proved.values()].flat()) {
      if (headerDiffers) this.signs.add(`header of ${name} differs`);
      if (why !== null) this.signs.add(`volume of ${name} not shown`);
      if (stated !== null) this.counts[stated.carriedOver ? "carried" : "derived"]++;
    }
    for (const warning of report?.warnings ?? []) this.signs.add(`warning of ${name}: ${warning}`);
    return trouble?.code ?? null;
  }

  /** What `status` would say of it. */
  #look({ name, log }: Machine): void {
    const terms = { now: this.now, stalledAfterMs: 3_600_000, hasKeySide: true };
    const lightOf = pointLights(log.fold, lightTerms, this.now);
    for (const [, point] of log.fold.points) {
      if (point.deleted !== null) continue;
      const { light, reasons } = lightOf(point);
      if (light !== "green") this.signs.add(`point of ${name} ${light}: ${reasons.map(({ code }) => code).join()}`);
    }
    for (const { kind } of machineHealth(log.fold, terms).needs) this.signs.add(`status of ${name}: ${kind}`);
  }

  /** Rolls over a machine's key; now and then whoever does that is killed after some step, and begins again. */
  async #rollOver(machine: Machine): Promise<void> {
    let steps = this.chance(3) === 0 ? this.chance(6) : Infinity;
    const { guest } = machine;
    const step = (): void => {
      if (--steps < 0) throw new Killed();
    };
    const run = async (): Promise<void> => {
      const rollover = await this.#begun(machine);
      step();
      for (;;) {
        const header = await presentedOf(guest.image());
        const { task } = await this.keySide.as("custodian", "rollover.next", {
          rollover: rollover.id,
          aim: "forward",
          header,
        });
        if (task.do === "nothing") break;
        step();
        guest.change(task, await this.#newValue(guest, rollover.id, rollover.newVersion));
        const opening = [rollover.newVersion, ...(task.do === "add" ? [rollover.oldVersion] : [])];
        await this.#learn(machine, opening);
        step();
      }
      const { versions } = await this.keySide.as("custodian", "key.show", { name: rollover.newVersion });
      const bound = versions.flatMap(({ bindings }) => bindings).find(({ retiredAt }) => retiredAt === null);
      assert.ok(bound !== undefined, `${rollover.newVersion} is bound to what it opens`);
      machine.binding = bound.id;
      this.counts.rollovers++;
    };
    try {
      await run();
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
      this.counts.kills++;
      if (this.chance(2) === 0) await this.keySide.restart();
      steps = Infinity;
      await run();
    }
  }

  async #begun({ guest, binding }: Machine): Promise<RolloverFacts> {
    const header = await presentedOf(guest.image());
    return (await this.keySide.as("custodian", "rollover.begin", { binding, executor: guest.executor, header }))
      .rollover;
  }

  async #newValue(guest: Guest, rollover: string, version: string): Promise<Uint8Array> {
    if (guest.executor === "cryptsetup") {
      const { new: made } = await this.keySide.as("custodian", "rollover.values", { rollover });
      return fromBase64(made) ?? new Uint8Array();
    }
    const { value } = await this.keySide.as("custodian", "key.reveal", { version, reason: "a rollover by hand" });
    return fromBase64(value) ?? new Uint8Array();
  }

  /** A custodian tries to be rid of every old version. What is refused stays; what is not was needed by nothing. */
  async #cleanUp(): Promise<void> {
    for (const version of loadVersions(this.keySide.store, null)) {
      if (version.retiredMs === null || version.destroyedMs !== null) continue;
      const name = versionName(version);
      try {
        await this.keySide.as("custodian", "key.delete", { name });
        await this.keySide.as("custodian", "key.purge", { versions: [name] });
        this.destroyed.add(name);
      } catch (error) {
        if (!(error instanceof LockstepError) || error.kind !== "conflict") throw error;
        this.counts.refusals++;
      }
    }
  }

  /** Opens the header that a green point keeps with the value that the key store has now, by nothing that a proof uses but the readers. */
  async #assertOpens(machine: Machine, point: PointState, versions: readonly string[]): Promise<void> {
    const [first] = encryptedVolumes(point);
    assert.ok(first !== undefined, "a green point has something encrypted");
    const { store } = this.keySide;
    const [name = ""] = versions;
    assert.ok(this.#truth.get(first.volume.headerDigest)?.includes(name), `${name} opens the header of a green point`);
    const found = findVersion(store, name);
    using value = versionValue(store, found);
    const fit = `${first.volume.headerDigest} ${hex(sha256(value.bytes))}`;
    if (this.#fits.has(fit)) return;
    const body = await readBody(this.vault, machine.log.machine, point, signal);
    const volumes = body.disks[0]?.volumes;
    assert.ok(volumes !== undefined);
    const pieces = storedHeader(volumes, first.volume.name);
    assert.ok(pieces !== null, `${machine.name}: a green point keeps its header`);
    const source = piecesSource({ sizeBytes: machine.guest.sizeBytes, sectorBytes: null }, pieces);
    const header = await readVolumeHeader(source, "a point's header", signal);
    const secret =
      found.kind === "recovery-password"
        ? ({ kind: "recovery-password", secret: value } as const)
        : ({ kind: "passphrase", secret: value } as const);
    const limit = { memoryKiB: 1024 * 1024, seconds: 60 };
    using unlocked = await header.unlock(secret, { kdf, limit, only: null }, signal);
    assert.ok(unlocked.volumeKeys.length > 0);
    this.#fits.add(fit);
    this.counts.opened++;
  }
}

function timeOf({ day }: { readonly day: number }): Temporal.Instant {
  return Temporal.Instant.from("2026-01-01T00:00Z").add({ hours: 24 * day });
}

/** Whoever did something was killed. */
class Killed extends Error {}
