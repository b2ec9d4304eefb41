import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createHash, randomBytes, randomInt } from "node:crypto";
import { once } from "node:events";
import { closeSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout } from "node:timers/promises";

import { check } from "#ops/check/check.ts";
import { nothingKnown, readMachines } from "#ops/machines/machines.ts";
import { fillTarget } from "#ops/restore/fill-target.ts";
import { openDirectoryStore } from "#store/directory.ts";
import { memoryTarget } from "#testing/disks/memory-disk.ts";
import { keyringDeps } from "#testing/vaults/keyring-deps.ts";
import type { PointState } from "#vault/fold/fold.ts";
import { parseKeyFile } from "#vault/keyring/key-file.ts";
import { openKeyring } from "#vault/keyring/keyring-open.ts";
import { logKeyring } from "#vault/keyring/log-keyring.ts";
import type { Log } from "#vault/log/log.ts";
import type { Vault } from "#vault/vault.ts";

const { signal } = new AbortController();
const bin = join(import.meta.dirname, "../../bin/lockstep");

/** What a command said that was not killed, and whether it was. */
export type Ran = { readonly killed: boolean; readonly status: number | null; readonly said: string };

/** A machine of one disk in a vault that real processes of `bin/lockstep` work with, and get killed. */
export class KillRig {
  readonly folder: string;
  readonly image: string;
  /** SHA-256 of what each point must give; null for one whose backup did not answer: one of `tried`. */
  readonly answered = new Map<string, string>();
  /** Contents of the disk when a backup began that did not answer. */
  readonly tried = new Set<string>();
  readonly #sizeBytes: number;

  private constructor(folder: string, sizeBytes: number) {
    this.folder = folder;
    this.image = join(folder, "disk.raw");
    this.#sizeBytes = sizeBytes;
  }

  /** @param folder  empty; @param settings  lines of the configuration besides the vault's */
  static make(folder: string, sizeBytes: number, settings = ""): KillRig {
    const rig = new KillRig(folder, sizeBytes);
    writeFileSync(rig.image, randomBytes(sizeBytes));
    writeFileSync(join(folder, "config.toml"), `vault = "${rig.vaultFolder}"\n${settings}`);
    rig.mustRun("init", rig.vaultFolder, "--key-file", join(folder, "key"), "--no-key-store");
    rig.mustRun("protect", "web01", "--disk", rig.image, "--keep", "last=3");
    return rig;
  }

  get vaultFolder(): string {
    return join(this.folder, "vault");
  }

  /** Writes new random content to a few places of the disk. */
  change(): void {
    const file = openSync(this.image, "r+");
    for (let i = 0; i < 20; i++) writeSync(file, randomBytes(65_536), 0, 65_536, randomInt(this.#sizeBytes - 65_536));
    closeSync(file);
  }

  contentHash(): string {
    return createHash("sha256").update(readFileSync(this.image)).digest("hex");
  }

  start(...words: readonly string[]): ChildProcess {
    return spawn(bin, [...words, "--json"], {
      cwd: this.folder,
      env: this.#variables,
      stdio: ["ignore", "pipe", "pipe"],
    });
  }

  /** Runs a command, and kills it when `until` resolves first. */
  async runAndKill(words: readonly string[], until: (child: ChildProcess) => Promise<void>): Promise<Ran> {
    const child = this.start(...words);
    assert.ok(child.stdout !== null);
    const said = text(child.stdout);
    const closed = once(child, "close");
    await Promise.race([closed, until(child)]);
    child.kill("SIGKILL");
    await closed;
    return { killed: child.signalCode === "SIGKILL", status: child.exitCode, said: await said };
  }

  /** Backs up, or is killed at it. @returns whether it answered */
  async backUp(until: (child: ChildProcess) => Promise<void>): Promise<Ran> {
    const content = this.contentHash();
    this.tried.add(content);
    const ran = await this.runAndKill(["backup", "web01"], until);
    if (ran.killed) return ran;
    assert.equal(ran.status, 0, ran.said);
    this.answered.set(pointOf(ran.said), content);
    return ran;
  }

  mustRun(...words: readonly string[]): string {
    const { status, stdout, stderr } = spawnSync(bin, words, {
      cwd: this.folder,
      env: this.#variables,
      encoding: "utf8",
    });
    assert.equal(status, 0, `${words.join(" ")}: ${stdout}${stderr}`);
    return stdout;
  }

  /**
   * Asserts that the vault is whole: it has every point that was answered, and at most such others whose backup was begun;
   * a check that reads everything finds nothing wrong.
   *
   * @param read  how many points to read back: the newest, and others by chance
   */
  async assertWhole(read: number): Promise<void> {
    await using store = await openDirectoryStore(this.vaultFolder, {}, signal);
    const key = parseKeyFile("key", readFileSync(join(this.folder, "key")));
    const deps = { ...keyringDeps("kill"), random: (length: number) => new Uint8Array(randomBytes(length)) };
    const opened = await openKeyring(store, { kind: "keyfile", key }, deps, signal);
    const keyring = logKeyring(store, opened);
    const vault: Vault = { ...deps, store, keyring, host: "test", program: "test" };
    const { logs, faults } = await readMachines(vault, nothingKnown, signal);
    assert.deepEqual(faults, []);
    const [log] = logs;
    assert.ok(log !== undefined);
    const points = [...log.fold.points.values()].sort((a, b) => b.seq - a.seq);
    for (const point of this.answered.keys()) assert.ok(log.fold.points.has(point as never), `point ${point} is lost`);
    const chosen = points.filter((_, index) => index === 0 || randomInt(points.length) < read);
    for (const point of chosen) await this.#assertReads(vault, log, point);
    const options = {
      point: null,
      readData: { part: 1, of: 1 },
      record: false,
      repair: true,
      progress: () => undefined,
    };
    const found = await check(vault, log, options, signal);
    assert.ok(found.ok, JSON.stringify(found));
  }

  async #assertReads(vault: Vault, log: Log, point: PointState): Promise<void> {
    const [disk] = point.disks;
    assert.ok(disk !== undefined);
    const target = memoryTarget(disk.sizeBytes);
    const quiet = { progress: () => undefined, unfinished: () => undefined };
    const deps = { vault, log, point, name: point.point, lanes: { lanes: 1, threads: false }, ...quiet };
    await fillTarget(deps, disk, target, false, signal);
    const found = createHash("sha256").update(target.bytes).digest("hex");
    const expected = this.answered.get(point.point);
    if (expected !== undefined) return assert.equal(found, expected, `point ${point.point} gives wrong data`);
    assert.ok(this.tried.has(found), `point ${point.point} gives what was never on the disk`);
    this.answered.set(point.point, found);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }

  get #variables(): Record<string, string> {
    return {
      PATH: process.env["PATH"] ?? "",
      HOME: this.folder,
      LANG: "C.UTF-8",
      LOCKSTEP_CONFIG: join(this.folder, "config.toml"),
      LOCKSTEP_STATE_DIR: join(this.folder, "state"),
    };
  }
}

type BackupDocument = { machines: { point: { id: string; storedBytes: number }; resumed: boolean }[] };

/** The first machine in what `lockstep backup --json` said. */
export function backupIn(said: string): BackupDocument["machines"][0] {
  const document = JSON.parse(said) as BackupDocument; // the shape is pinned by e2e/cli/json.test.ts
  const [machine] = document.machines;
  assert.ok(machine !== undefined, said);
  return machine;
}

function pointOf(said: string): string {
  return backupIn(said).point.id;
}

/** What processes are killed at: backups, mostly. */
const commands: readonly (readonly string[])[] = [
  ["backup", "web01"],
  ["backup", "web01"],
  ["backup", "web01"],
  ["prune"],
  ["check", "--all", "--read-data"],
  ["vault", "rekey"],
];

/**
 * Starts one command, chosen by chance, and kills it at a random instant of the time that it usually takes.
 *
 * @param usualMs  how long each command took when it was not killed; it is kept up to date
 * @returns        false when it had ended before
 */
export async function killOnce(rig: KillRig, usualMs: Map<string, number>): Promise<boolean> {
  const words = commands[randomInt(commands.length)] ?? [];
  const name = words.join(" ");
  const isBackup = words[0] === "backup";
  if (isBackup) rig.change();
  const delayMs = Math.random() * 1.1 * (usualMs.get(name) ?? 1500);
  const startedMs = performance.now();
  const until = (): Promise<void> => setTimeout(delayMs);
  const { killed, status, said } = isBackup ? await rig.backUp(until) : await rig.runAndKill(words, until);
  if (killed) return true;
  assert.equal(status, 0, `${name}: ${said}`);
  usualMs.set(name, performance.now() - startedMs);
  return false;
}
