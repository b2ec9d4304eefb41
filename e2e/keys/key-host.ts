import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import type { TestContext } from "node:test";
import { setTimeout } from "node:timers/promises";

import type { App } from "#cli/app/app.ts";
import { Output } from "#cli/output/output.ts";
import { environmentOf } from "#main/config/environment.ts";
import { openApp } from "#main/wiring/app.ts";

const bin = join(import.meta.dirname, "../../bin/lockstep");

/** A configuration that says where the key store is, whatever the state folder. */
function settings(idleMinutes: number): string {
  const places = ['folder = "state/keys"', 'key-file = "state/key-store.key"'];
  return ["[keys]", ...places, `idle-minutes = ${idleMinutes}`, ""].join("\n");
}

/** What a command line gave. */
export type Outcome = { readonly status: number | null; readonly stdout: string; readonly stderr: string };

/** A host with a configuration and a state of its own, and a key store where one is made; all of it goes with the test. */
export class KeyHost {
  readonly folder: string;
  readonly #variables: Record<string, string>;
  readonly #owner: number | undefined;

  /** @param options.owner  the user that its commands run as, by number; this one, unless it is said */
  constructor(t: TestContext, options: { readonly idleMinutes: number; readonly owner?: number }) {
    this.folder = mkdtempSync(join(tmpdir(), "lockstep-keys-"));
    this.#owner = options.owner;
    writeFileSync(join(this.folder, "config.toml"), settings(options.idleMinutes));
    this.#variables = {
      PATH: process.env["PATH"] ?? "",
      HOME: this.folder,
      LOCKSTEP_CONFIG: join(this.folder, "config.toml"),
      LOCKSTEP_STATE_DIR: join(this.folder, "state"),
    };
    t.after(async () => {
      try {
        const running = this.keySide();
        if (running !== null) process.kill(running, "SIGTERM");
        await this.ended();
      } finally {
        rmSync(this.folder, { recursive: true, force: true });
      }
    });
  }

  path(...names: readonly string[]): string {
    return join(this.folder, ...names);
  }

  /** Does what a command would, in this process. */
  async with<T>(work: (app: App) => Promise<T>): Promise<T> {
    const sink = (): PassThrough => new PassThrough().resume();
    const output = new Output({ command: "", json: true, quiet: true, stdout: sink(), stderr: sink() });
    const environment = environmentOf({
      variables: this.#variables,
      home: this.folder,
      workingFolder: this.folder,
      hostname: hostname(),
      userId: process.geteuid?.() ?? 0,
      stdin: {},
      stdout: {},
      stderr: {},
    });
    const { signal } = new AbortController();
    await using app = await openApp({ environment, program: "test", stdin: process.stdin, signal }, output, {});
    return await work(app);
  }

  /** Makes the key store, which this host's key file opens. */
  async makeKeyStore(): Promise<void> {
    await this.with((app) => app.makeKeyStore({ seals: [], host: "key-file", first: null }));
  }

  /** Starts a command line of Lockstep. */
  start(...words: readonly string[]): ChildProcess {
    return this.#spawn(words, {});
  }

  /** Runs command lines as a person whose tokens are in another state folder. */
  person(stateFolder: string): (...words: readonly string[]) => Promise<Outcome> {
    return (...words) => outcomeOf(this.#spawn(words, { LOCKSTEP_STATE_DIR: this.path(stateFolder) }));
  }

  #spawn(words: readonly string[], variables: Readonly<Record<string, string>>): ChildProcess {
    return spawn(bin, words, {
      cwd: this.folder,
      env: { ...this.#variables, ...variables },
      stdio: ["ignore", "pipe", "pipe"],
      ...(this.#owner === undefined ? {} : { uid: this.#owner, gid: this.#owner }),
    });
  }

  /** Runs a command line of Lockstep to its end. */
  async run(...words: readonly string[]): Promise<Outcome> {
    return outcomeOf(this.start(...words));
  }

  /** The process that has the key store; null when there is none. */
  keySide(): number | null {
    const pid = Number(readOrEmpty(this.path("state/keys/lock")));
    if (pid === 0 || pid === process.pid || !existsSync(`/proc/${pid}`)) return null;
    const words = readOrEmpty(`/proc/${pid}/cmdline`);
    // It has none while it ends; then it may still have its socket.
    return words === "" || words.includes("keystore\0serve") ? pid : null;
  }

  /** Waits until no process has the key store. */
  async ended(): Promise<void> {
    for (let tries = 0; this.keySide() !== null; tries++) {
      assert.ok(tries < 400, "the key side does not end");
      await setTimeout(50);
    }
  }

  /** The key side's log, line by line. */
  log(): readonly Readonly<Record<string, unknown>>[] {
    const lines = readOrEmpty(this.path("state/keys/key-side.log"))
      .split("\n")
      .filter((line) => line !== "");
    return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  }
}

/** Starts `keystore serve`, and waits until it answers. */
export async function serve(host: KeyHost, ...words: readonly string[]): Promise<ChildProcess> {
  const child = host.start("keystore", "serve", ...words);
  for (let tries = 0; !existsSync(host.path("state/keys/socket")); tries++) {
    assert.ok(tries < 400 && child.exitCode === null, "the key side does not answer");
    await setTimeout(50);
  }
  return child;
}

/** Waits for the end of a command line. */
export async function outcomeOf(child: ChildProcess): Promise<Outcome> {
  const said = { stdout: "", stderr: "" };
  child.stdout?.setEncoding("utf8").on("data", (piece: string) => (said.stdout += piece));
  child.stderr?.setEncoding("utf8").on("data", (piece: string) => (said.stderr += piece));
  const { promise, resolve } = Promise.withResolvers<number | null>();
  child.once("close", resolve);
  return { status: await promise, ...said };
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
