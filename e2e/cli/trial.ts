import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

import { findHolders } from "#disk/holders.ts";

const bin = join(import.meta.dirname, "../../bin");

/** Whether all who may hold a file can be seen here. */
const { blindSpots } = await findHolders(import.meta.filename, new AbortController().signal);

/** What a command line gave. */
export type Outcome = { readonly status: number; readonly stdout: string; readonly stderr: string };

/** A folder to try Lockstep in, with a configuration and a state of its own; it goes with the test. */
export class Trial {
  readonly folder: string;
  readonly #variables: Record<string, string>;

  constructor(t: TestContext) {
    this.folder = mkdtempSync(join(tmpdir(), "lockstep-cli-"));
    this.#variables = {
      PATH: `${bin}:${process.env["PATH"] ?? ""}`,
      HOME: this.folder,
      LANG: "C.UTF-8",
      LOCKSTEP_CONFIG: join(this.folder, "config.toml"),
      LOCKSTEP_STATE_DIR: join(this.folder, "state"),
    };
    t.after(() => rmSync(this.folder, { recursive: true }));
  }

  /** What a process of the trial finds in its environment. */
  get variables(): Readonly<Record<string, string>> {
    return this.#variables;
  }

  path(...names: readonly string[]): string {
    return join(this.folder, ...names);
  }

  /** Runs a command line of the shell in the folder, without a terminal. */
  run(line: string): Outcome {
    const { status, stdout, stderr } = spawnSync("/bin/sh", ["-c", line], {
      cwd: this.folder,
      env: this.#variables,
      encoding: "utf8",
      input: "",
    });
    return { status: status ?? -1, stdout, stderr };
  }

  /** Runs command lines that must work. @returns what the last one said */
  prepare(...lines: readonly string[]): string {
    let said = "";
    for (const line of lines) {
      const { status, stdout, stderr } = this.run(line);
      assert.equal(status, 0, `${line}: ${stdout}${stderr}`);
      said = stdout;
    }
    return said;
  }

  /** The JSON document that a command line of Lockstep prints, whatever it exits with. */
  json(line: string): Record<string, unknown> {
    const { stdout, stderr } = this.run(`${line} --json`);
    const document: unknown = JSON.parse(stdout === "" ? stderr : stdout);
    assert.ok(typeof document === "object" && document !== null);
    return { ...document };
  }

  /**
   * Runs what a transcript shows, and compares all of it: after each `$ command line` its output, lines of standard error
   * after `! `, and `[status]` unless that is 0.
   *
   * What differs from run to run is written in capitals: DIR, HOST, ID, HASH, PID, TIME, AGO, TOOK, RATE. Notes and
   * progress are left out, and several spaces count as two. Where not all holders of a disk can be seen, points are `crash`
   * that would be `offline`.
   */
  transcript(text: string): void {
    const expected = (blindSpots.length === 0 ? text : text.replaceAll(/\boffline\b/g, "crash"))
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => line !== "");
    const got: string[] = [];
    for (const line of expected.filter((each) => each.startsWith("$ "))) {
      const { status, stdout, stderr } = this.run(line.slice(2));
      got.push(line);
      got.push(...this.#lines(stdout));
      got.push(...this.#lines(stderr).map((each) => `! ${each}`));
      if (status !== 0) got.push(`[${status}]`);
    }
    assert.deepEqual(got, expected);
  }

  #lines(text: string): string[] {
    return text
      .split("\n")
      .filter((line) => !isPassing.test(line))
      .map((line) => this.#constant(line))
      .filter((line) => line !== "");
  }

  #constant(line: string): string {
    return line
      .replaceAll(this.folder, "DIR")
      .replaceAll(new RegExp(`\\b${hostname()}\\b`, "g"), "HOST")
      .replaceAll(/@[0-9a-f]{32}\b/g, "@TIME") // two points in one second are told apart by their ids
      .replaceAll(/\b[0-9a-f]{64}\b/g, "HASH")
      .replaceAll(/\b[0-9a-f]{32}\b/g, "ID")
      .replaceAll(/\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?Z?)/g, "TIME")
      .replaceAll(/\bprocess \d+( \([\w-]+\))?/g, "process PID")
      .replaceAll(/[\d.]+ s \([^)]*\/s\)/g, "TOOK (RATE)")
      .replaceAll(/\([\d.]+ s ago\)/g, "(AGO)")
      .replaceAll(/ {2,}/g, "  ")
      .trim();
  }
}

/** What this machine lets no process see, and progress. */
const isPassing = /not everything that may hold its disks was seen|^\S+: [\d.]+ \w+ in /;
