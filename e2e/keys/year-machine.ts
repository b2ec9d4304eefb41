import assert from "node:assert/strict";

import type { KeyClient } from "#client/key-client.ts";
import { LockstepError } from "#errors/errors.ts";
import { backup } from "#ops/backup/backup.ts";
import { check } from "#ops/check/check.ts";
import type { DataPart } from "#ops/check/check.ts";
import { machineHealth } from "#ops/health/machine-health.ts";
import { keepInStep } from "#ops/keys/keep-in-step.ts";
import { deletePoint } from "#ops/points/delete-points.ts";
import { logVolumes, volumesOfDisk } from "#ops/points/log-volumes.ts";
import { pointLights } from "#ops/points/point-light.ts";
import { prune } from "#ops/prune/prune.ts";
import { memoryDisk } from "#testing/disks/memory-disk.ts";
import { benchBackupOptions, benchSource } from "#testing/vaults/vault-bench.ts";
import type { DiskDefinition } from "#vault/entry/machine-definition.ts";
import type { Fold } from "#vault/fold/fold.ts";
import type { Head } from "#vault/log/log-reader.ts";
import type { Log } from "#vault/log/log.ts";
import { openMachine } from "#vault/vault.ts";
import type { Vault } from "#vault/vault.ts";

import type { Guest } from "./year-guests.ts";
import { dyingStore, untilKilled } from "./year-kills.ts";
import type { YearWorld } from "./year-world.ts";

const { signal } = new AbortController();

/** Days between checks of all points. */
export const CHECK_DAYS = 7;
/** Each check reads another part of the data; all within what a light takes, though two checks fail. */
export const READ_PARTS = 2;
const PRUNE_DAYS = 7;
/** One prune in so many is missed. */
const MISSED_PRUNES = 6;

/** What is done to a machine's log. */
type LogAct = (vault: Vault, log: Log) => Promise<unknown>;

/** A machine: its guest's disk, its log as this host knows it, and what timers and people do with them. */
export class YearMachine {
  readonly name: string;
  readonly guest: Guest;
  readonly disk: DiskDefinition;
  log: Log;
  /** How the disk is presented to a backup, and what the backup side asks the key side; something may come between. */
  shown = (image: Uint8Array): Uint8Array => image;
  asking = (client: KeyClient): KeyClient => client;
  readonly #world: YearWorld;
  readonly #number: number;
  /** The newest entry that this host has seen. */
  #head: Head | null = null;

  constructor(
    world: YearWorld,
    given: {
      readonly name: string;
      readonly guest: Guest;
      readonly disk: DiskDefinition;
      readonly log: Log;
    },
  ) {
    this.#world = world;
    this.#number = world.machines.length;
    this.name = given.name;
    this.guest = given.guest;
    this.disk = given.disk;
    this.log = given.log;
  }

  /** What is done to it in a day. */
  async passDay(): Promise<void> {
    const { day } = this.#world;
    this.guest.write();
    if (!(await this.#saying("opening", () => this.open()))) return;
    await this.#saying("backup", () => this.#backUp());
    if (day % PRUNE_DAYS === this.#number && this.#world.chance(MISSED_PRUNES) > 0) {
      await this.#saying("prune", () => this.#prune());
    }
    if (day % CHECK_DAYS === 0) {
      await this.#saying("check", () => this.#checkBytes(partToRead(this.log.fold)));
    }
    await this.#saying("proof", () => this.#prove(day % CHECK_DAYS === 0));
    this.#look();
    this.#head = { seq: this.log.fold.seq, hash: this.log.fold.hash };
  }

  /** As a process does that has just begun: it must find what this host has seen before. */
  async open(): Promise<void> {
    this.log = await openMachine(this.#world.vault, this.log.machine, this.#head, signal);
  }

  /** Rolls the key over: whoever does that, or the key side, is killed on the way, and it is begun again. */
  async rollOver(): Promise<void> {
    const { keySide, kills, counts } = this.#world;
    await this.#saying("rollover", async () => {
      await kills.next(`rollover of ${this.name}: a call of the key side`, ["before", "after"], (at) =>
        keySide.dying("custodian", at, (client) => this.#rollOver(client)),
      );
      await this.#world.truth.lookAtDisk(this, keySide.store);
      await this.#rollOver(keySide.client("custodian"));
      counts.rollovers++;
    });
  }

  /** A person has all data read, and what is damaged logged. */
  readAll(): Promise<void> {
    return this.#checkBytes({ part: 1, of: 1 });
  }

  /** A person deletes points. */
  async deletePoints(which: (capturedAt: Temporal.Instant) => boolean, reason: string): Promise<void> {
    await this.open();
    for (const [id, { capturedAt, deleted }] of this.log.fold.points) {
      if (deleted !== null || !which(Temporal.Instant.from(capturedAt))) continue;
      await this.#killed("deletion: a change of the store", (_, log) => deletePoint(log, id, reason, signal));
      await deletePoint(this.log, id, reason, signal);
    }
    this.#head = { seq: this.log.fold.seq, hash: this.log.fold.hash };
  }

  /** A person deletes the oldest point. */
  async deleteOldest(): Promise<void> {
    const [oldest] = [...this.log.fold.points.values()].filter(({ deleted }) => deleted === null);
    await this.deletePoints((at) => oldest !== undefined && at.toString() === oldest.capturedAt, "not needed any more");
  }

  /** As somebody does who knows the machine's name only; he begins another one where the one before had ended and he was not told. */
  async #rollOver(client: KeyClient): Promise<void> {
    const { versions } = await this.#world.keySide.as("custodian", "key.show", { name: this.name });
    const bound = versions.flatMap(({ bindings }) => bindings).find(({ retiredAt }) => retiredAt === null);
    assert.ok(bound !== undefined, `something is bound to the disk of ${this.name}`);
    await this.guest.rollOver(client, bound.id);
  }

  async #backUp(): Promise<void> {
    const image = this.shown(this.guest.image());
    const source = benchSource(this.disk, memoryDisk(image));
    const backUp: LogAct = async (vault, log) => {
      const { point, volumes } = await backup(vault, log, [source], benchBackupOptions, signal);
      const disks = point.disks.map(({ disk, name }) => volumesOfDisk(disk, volumes.get(name)));
      await logVolumes(log, [{ point: point.point, disks }], signal);
    };
    await this.#killed("backup: a change of the store", backUp);
    await backUp(this.#world.vault, this.log);
    this.#world.counts.backups++;
  }

  async #prune(): Promise<void> {
    const options = { dryRun: false, closeStalled: false, progress: () => undefined };
    await this.#killed("prune: a change of the store", (vault, log) => prune(vault, log, options, signal));
    await prune(this.#world.vault, this.log, options, signal);
  }

  async #checkBytes(readData: DataPart): Promise<void> {
    const { vault, signs } = this.#world;
    const options = { point: null, readData, record: true, repair: true, progress: () => undefined };
    await this.#killed("check: a change of the store", (dying, log) => check(dying, log, options, signal));
    const found = await check(vault, this.log, options, signal);
    if (found.damage.length > 0) signs.add(`check of ${this.name}: damage`);
    for (const { why } of found.bodies) signs.add(`check of ${this.name}: a body is lost: ${why}`);
    for (const { why } of found.copies) signs.add(`check of ${this.name}: a second copy: ${why}`);
    for (const why of [...found.unread, ...found.warnings]) signs.add(`check of ${this.name}: ${why}`);
  }

  /** @param all  all points; else those that are not green */
  async #prove(all: boolean): Promise<void> {
    const { keySide, kills, signs, counts, vault } = this.#world;
    const kind = all ? "proofs of all points" : "report and proof of a new point";
    await kills.next(`${kind}: a call of the key side`, ["before", "after", "caller"], (at) =>
      keySide.dying("backup", at, (client) => this.#keepInStep(vault, this.log, this.asking(client), all)),
    );
    const client = this.asking(keySide.client("backup"));
    await this.#killed(`${kind}: a change of the store`, (dying, log) => this.#keepInStep(dying, log, client, all));
    const { proved, report, trouble } = await this.#keepInStep(vault, this.log, client, all);
    if (trouble !== null) signs.add(`proof of ${this.name}: ${trouble.code}`);
    for (const { stated, headerDiffers, why } of [...proved.values()].flat()) {
      if (headerDiffers) signs.add(`proof of ${this.name}: its header differs`);
      if (why !== null) signs.add(`proof of ${this.name}: not shown`);
      if (stated !== null) counts[stated.carriedOver ? "carried" : "derived"]++;
    }
    for (const warning of report?.warnings ?? []) signs.add(`proof of ${this.name}: ${warning}`);
  }

  #keepInStep(vault: Vault, log: Log, client: KeyClient, all: boolean): ReturnType<typeof keepInStep> {
    const lightOf = pointLights(log.fold, vault.now());
    const live = [...log.fold.points].filter(([, { deleted }]) => deleted === null);
    const points = live.filter(([, point]) => all || lightOf(point).light !== "green").map(([id]) => id);
    return keepInStep({ vault, log, client }, points, { anew: false, progress: () => undefined }, signal);
  }

  /** Lets a process do something that is killed at a change of the store; what it did is there, or not. */
  async #killed(kind: string, run: LogAct): Promise<void> {
    const { kills, vault } = this.#world;
    await kills.next(kind, ["before", "after"], async (at) => {
      const { store, died } = dyingStore(vault.store, at);
      const dying = { ...vault, store };
      return untilKilled(async () => run(dying, await openMachine(dying, this.log.machine, this.#head, signal)), died);
    });
    await this.log.read(signal);
  }

  /** What `status` says of it. */
  #look(): void {
    const { now, signs } = this.#world;
    const terms = { now, stalledAfterMs: 3_600_000, hasKeySide: true };
    const lightOf = pointLights(this.log.fold, now);
    for (const [, point] of this.log.fold.points) {
      if (point.deleted !== null) continue;
      const { light, reasons } = lightOf(point);
      if (light !== "green") {
        signs.add(`point of ${this.name} ${light}: ${reasons.map(({ code }) => code).join()}`);
      }
    }
    for (const { kind } of machineHealth(this.log.fold, terms).needs) signs.add(`status of ${this.name}: ${kind}`);
  }

  /**
   * Does what a person or a timer does; what comes of it is told, and keeps nobody from the rest of the day.
   *
   * @returns  whether it worked
   */
  async #saying(what: string, run: () => Promise<void>): Promise<boolean> {
    try {
      await run();
      return true;
    } catch (error) {
      if (!(error instanceof LockstepError)) throw error;
      this.#world.signs.add(`${what} of ${this.name} failed: ${error.code}`);
      return false;
    }
  }
}

/** The part of the data that was read the longest ago, as the log knows it, or never. */
function partToRead({ checks }: Fold): DataPart {
  const parts = Array.from({ length: READ_PARTS }, (_, index) => ({ part: 1 + index, of: READ_PARTS }));
  const readAt = ({ part, of }: DataPart): number => checks.get(`${part}/${of}`)?.upTo ?? -1;
  return parts.reduce((oldest, part) => (readAt(part) < readAt(oldest) ? part : oldest));
}
