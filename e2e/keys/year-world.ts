import assert from "node:assert/strict";
import { join } from "node:path";

import { base64 } from "#bytes/text.ts";
import type { KeyClient } from "#client/key-client.ts";
import type { Random } from "#crypto/derive.ts";
import { LockstepError } from "#errors/errors.ts";
import { findVersion } from "#keys/versions/versions.ts";
import type { Version } from "#keys/versions/versions.ts";
import { drawPicture } from "#ops/report/picture.ts";
import { makeReport, reportPicture } from "#ops/report/report.ts";
import { presentedOf } from "#testing/keys/presented-volume.ts";
import { seededRandom } from "#testing/random.ts";
import { VaultBench } from "#testing/vaults/vault-bench.ts";
import type { Vault } from "#vault/vault.ts";

import { bitlockerGuest, luksGuest } from "./year-guests.ts";
import type { Guest } from "./year-guests.ts";
import { YearKeySide } from "./year-key-side.ts";
import { KillWalks } from "./year-kills.ts";
import { CHECK_DAYS, YearMachine } from "./year-machine.ts";
import { YearTruth } from "./year-truth.ts";

const { signal } = new AbortController();

/** A point is derived for anew in each check, and its date never older than a light takes. */
const PROOF_DAYS = CHECK_DAYS - 1;

/** Days of 30: on which machines are rolled over, one after the other; one's oldest point is deleted; a custodian cleans up. */
const MONTH = 30;
const rolloverDays = [1, 3, 5];
const DELETE_DAY = 17;
const CLEAN_UP_DAY = 29;

/** The clocks: when a day passes, all of them move on. */
type Clocks = {
  /** Days since it began. */
  day: number;
  /** How many days a side's clock is ahead of the right one. */
  backupAhead: number;
  keysAhead: number;
};

/** Machines, their vault and the key side, on clocks that only days move. What a person is told comes out as signs. */
export class YearWorld implements Disposable {
  readonly random: Random;
  readonly bench: VaultBench;
  readonly machines: YearMachine[] = [];
  readonly keySide: YearKeySide;
  readonly kills = new KillWalks();
  readonly truth = new YearTruth();
  readonly clocks: Clocks;
  /** What a person was told today, in words that begin with a kind. */
  readonly signs = new Set<string>();
  readonly counts = { backups: 0, derived: 0, carried: 0, rollovers: 0, refusals: 0 };
  /** What is told of a loss that was put right, until when; people know, and it is no sign. */
  echo: { readonly signs: RegExp; readonly untilDay: number } | null = null;
  vault: Vault;

  private constructor(random: Random, bench: VaultBench, keySide: YearKeySide, clocks: Clocks) {
    this.clocks = clocks;
    this.random = random;
    this.bench = bench;
    this.keySide = keySide;
    this.vault = bench.vault();
  }

  /** A LUKS2, a BitLocker and a LUKS1 machine, in this order: as many as are wanted. */
  static async make(
    seed: string,
    { folder, machines, keep }: { readonly folder: string; readonly machines: number; readonly keep: string },
  ): Promise<YearWorld> {
    const random = seededRandom(`${seed} world`);
    const bench = new VaultBench(seed);
    const clocks = { day: 0, backupAhead: 0, keysAhead: 0 };
    const keySide = await YearKeySide.make(folder, {
      now: () => timeOf(clocks.day + clocks.keysAhead),
      steadyMs: () => timeOf(clocks.day).epochMilliseconds,
      random,
    });
    const world = new YearWorld(random, bench, keySide, clocks);
    bench.clock.now = world.now;
    const vault = world.vault.keyring.keys.vaultId;
    const enrolment = { name: "vault", rootCommitment: "0".repeat(64), reporter: "backup" };
    await keySide.as("custodian", "vault.enrol", { vault, ...enrolment });
    await keySide.as("custodian", "policy.set", { proofIntervalDays: PROOF_DAYS });
    const guests: Readonly<Record<string, () => Guest>> = {
      web1: () => luksGuest("luks2", join(folder, "web1"), random),
      dc1: () => bitlockerGuest(random),
      old1: () => luksGuest("luks1", join(folder, "old1"), random),
    };
    for (const [name, make] of Object.entries(guests).slice(0, machines)) await world.#addMachine(name, make(), keep);
    return world;
  }

  get day(): number {
    return this.clocks.day;
  }

  /** What the clocks that are right say. */
  get now(): Temporal.Instant {
    return timeOf(this.clocks.day);
  }

  /** One of several, by chance. */
  chance(most: number): number {
    const [a = 0, b = 0] = this.random(2);
    return Math.floor(((a * 256 + b) / 65_536) * most);
  }

  /** The version of a machine's key that is in use. */
  currentVersion(name: string): Version {
    return findVersion(this.keySide.store, name);
  }

  /** A day of all machines: what people and timers do. Signs are of this day alone. */
  async passDay(): Promise<void> {
    this.clocks.day++;
    this.setClock();
    this.signs.clear();
    const dayOfMonth = this.day % MONTH;
    for (const [index, machine] of this.machines.entries()) {
      if (dayOfMonth === rolloverDays[index]) await machine.rollOver();
      await machine.passDay();
    }
    const oneOfThem = this.machines[Math.floor(this.day / MONTH) % this.machines.length];
    if (dayOfMonth === DELETE_DAY) await oneOfThem?.deleteOldest();
    if (dayOfMonth === CLEAN_UP_DAY) await this.cleanUp();
    await this.#copy();
    const { alarms } = await this.keySide.as("backup", "alarm.list", {});
    for (const { machineName } of alarms) this.signs.add(`alarm of ${machineName}`);
    if (this.echo !== null && this.day <= this.echo.untilDay) await this.#passOver(this.echo.signs);
  }

  /** A day on which nothing is wrong: nothing is told either. */
  async passQuietDay(): Promise<void> {
    await this.passDay();
    assert.deepEqual([...this.signs], [], "nothing is wrong, and nothing is told");
    await this.assertHolds();
  }

  /** Sets the clock of the backup side to the present time of the world. */
  setClock(): void {
    this.bench.clock.now = timeOf(this.clocks.day + this.clocks.backupAhead);
  }

  /** @throws an AssertionError that says what does not hold */
  async assertHolds(losesValue = false): Promise<void> {
    const { vault, keySide, machines, day, now } = this;
    await this.truth.assertHolds({ vault, store: keySide.store, losesValue }, machines, { day, now });
  }

  /** A custodian tries to be rid of every old version. What is refused stays; what is not was needed by nothing. */
  async cleanUp(): Promise<void> {
    const client = this.keySide.client("custodian");
    const { keys } = await client.call("key.list", {}, signal);
    for (const { name: key } of keys) {
      const { versions } = await client.call("key.show", { name: key }, signal);
      for (const { version } of versions) {
        const { name, retiredAt, destroyedAt } = version;
        if (retiredAt === null || destroyedAt !== null) continue;
        try {
          await this.#killed("deletion of a version", (dying) => dying.call("key.delete", { name }, signal));
          await client.call("key.delete", { name }, signal);
          await this.#killed("purge of a version", (dying) => dying.call("key.purge", { versions: [name] }, signal));
          await client.call("key.purge", { versions: [name] }, signal);
        } catch (error) {
          if (!(error instanceof LockstepError) || error.kind !== "conflict") throw error;
          this.counts.refusals++;
        }
      }
    }
  }

  /** A custodian says that he knows of every alarm. */
  async acknowledgeAlarms(): Promise<void> {
    const { alarms } = await this.keySide.as("custodian", "alarm.list", {});
    for (const { alarm } of alarms) await this.keySide.as("custodian", "alarm.acknowledge", { alarm });
  }

  /** What the report shows of it. */
  async picture(): Promise<string> {
    const logs = this.machines.map(({ log }) => log);
    const vault = { id: this.vault.keyring.keys.vaultId, place: "memory" };
    const client = this.keySide.client("auditor");
    const given = { vault, machines: { logs, faults: [], warnings: [] }, client, now: this.now };
    return drawPicture(reportPicture(await makeReport(given, signal))).text;
  }

  /** As the vault is from now on; null: as it was made. */
  useStore(store: Vault["store"] | null): void {
    this.vault = store === null ? this.bench.vault() : this.bench.vault(store);
  }

  [Symbol.dispose](): void {
    this.keySide[Symbol.dispose]();
  }

  async #passOver(known: RegExp): Promise<void> {
    const told = [...this.signs].filter((sign) => known.test(sign));
    for (const sign of told) this.signs.delete(sign);
    if (told.length > 0) await this.acknowledgeAlarms();
  }

  /** As the key side's loop does: what changed is copied; a process that does it is killed, and another one does it. */
  async #copy(): Promise<void> {
    if (this.keySide.store.isSealed) return;
    try {
      await this.kills.next("copies: a change of their place", ["before", "after"], (at) =>
        this.keySide.dieCopying(at),
      );
      await this.keySide.as("custodian", "copy.make", { full: false });
    } catch (error) {
      if (!(error instanceof LockstepError)) throw error;
      this.signs.add(`copying the key store failed: ${error.code}`);
    }
  }

  async #killed(kind: string, run: (client: KeyClient) => Promise<unknown>): Promise<void> {
    await this.kills.next(`${kind}: a call of the key side`, ["before", "after", "caller"], (at) =>
      this.keySide.dying("custodian", at, run),
    );
  }

  async #addMachine(name: string, guest: Guest, keep: string): Promise<void> {
    const { keySide } = this;
    const disk = this.bench.disk(`${name}-sda`, guest.sizeBytes);
    const log = await this.bench.createMachine([disk], { name, keep });
    const given = { name, kind: guest.kind, note: "", activatesAt: null, expiresAt: null } as const;
    await keySide.as("custodian", "key.add", { ...given, value: base64(guest.firstValue) });
    const header = await presentedOf(guest.image());
    const place = { machine: name, disk: disk.name, volume: "disk" };
    const live = { place, source: "live", protector: null, volumeUuid: null } as const;
    await keySide.as("custodian", "key.bind", { version: `${name}/v1`, header, ...live });
    this.machines.push(new YearMachine(this, { name, guest, disk, log }));
  }
}

function timeOf(day: number): Temporal.Instant {
  return Temporal.Instant.from("2026-01-01T00:00Z").add({ hours: 24 * day });
}
