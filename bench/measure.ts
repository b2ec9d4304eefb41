import { spawn } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

/** What one run of a command took. */
export type Figures = {
  readonly wallSeconds: number;
  /** User and system time of all its processes. */
  readonly cpuSeconds: number;
  /** Of its largest process. */
  readonly peakBytes: number;
};

/** A command to be timed. */
export type Command = {
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Statuses that mean success besides 0. */
  readonly alsoGood?: readonly number[];
};

/** A shell script as a command. */
export function shell(script: string, env: Readonly<Record<string, string>> = {}): Command {
  return { argv: ["sh", "-c", script], env };
}

/** Runs a command under GNU time. @throws when it fails, with the end of its output */
export async function run({ argv, env = {}, alsoGood = [] }: Command): Promise<Figures> {
  const figures = join(tmpdir(), `lockstep-bench-${process.pid}`);
  const all = { ...process.env, ...env };
  const child = spawn("/usr/bin/time", ["-q", "-f", "%e %U %S %M", "-o", figures, ...argv], {
    env: all,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  const keep = (text: Buffer): void => void (said = (said + text.toString()).slice(-4000));
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  const status = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve(code));
  });
  const [wall = 0, user = 0, system = 0, peakKib = 0] = readFileSync(figures, "utf8").trim().split(/\s+/).map(Number);
  rmSync(figures);
  if (status !== 0 && !alsoGood.includes(status ?? -1)) {
    throw new Error(`${argv.join(" ")} ended with ${status}:\n${said}`);
  }
  return { wallSeconds: wall, cpuSeconds: user + system, peakBytes: peakKib * 1024 };
}

/** Empties the page cache. */
export async function dropCaches(): Promise<void> {
  await run(shell("sync"));
  writeFileSync("/proc/sys/vm/drop_caches", "3");
}

/** Reads files into the page cache. */
export async function warm(...paths: readonly string[]): Promise<void> {
  for (const path of paths) await run(shell(`find '${path}' -type f -exec cat {} + > /dev/null`));
}

/** The value in the middle. */
function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** A thing to be measured several times. */
export type Contender = {
  readonly name: string;
  /** Not timed, before each run. */
  readonly prepare: () => Promise<void>;
  readonly command: () => Command;
};

/** Medians of several runs. */
export type Result = Figures & { readonly name: string; readonly runs: number };

/** Runs contenders in turn, A B C A B C, so that a machine whose speed drifts treats all alike. */
export async function race(contenders: readonly Contender[], runs: number): Promise<readonly Result[]> {
  const all = new Map<string, Figures[]>(contenders.map(({ name }) => [name, []]));
  for (let i = 0; i < runs; i++) {
    for (const { name, prepare, command } of contenders) {
      await prepare();
      const figures = await run(command());
      all.get(name)?.push(figures);
      process.stderr.write(`  ${name}: ${figures.wallSeconds.toFixed(2)} s\n`);
    }
  }
  return [...all].map(([name, figures]) => ({
    name,
    runs,
    wallSeconds: median(figures.map(({ wallSeconds }) => wallSeconds)),
    cpuSeconds: median(figures.map(({ cpuSeconds }) => cpuSeconds)),
    peakBytes: Math.max(...figures.map(({ peakBytes }) => peakBytes)),
  }));
}
