import { execFileSync, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync, readSync, readdirSync } from "node:fs";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Worker } from "node:worker_threads";

import koffi from "koffi";

// Tries to reach a key store in every way that a process of the backup side has, and prints what came of each: "reached", or why not.
//
// node reach.ts DATABASE PID-OF-THE-KEY-SIDE

const [database = "", pid = ""] = process.argv.slice(2);

/** Follows a process from now on; unlike attaching, stops nothing. */
const PTRACE_SEIZE = 0x4206;

const ways: Readonly<Record<string, () => unknown>> = {
  file: () => readFileSync(database),
  folder: () => readdirSync(dirname(database)),
  "node:sqlite": () => rows(new DatabaseSync(database, { readOnly: true }), "versions"),
  ATTACH: () => {
    const own = new DatabaseSync(":memory:");
    own.prepare("ATTACH ? AS keys").run(database);
    return rows(own, "keys.versions");
  },
  worker: () =>
    once(
      new Worker("require('node:fs').readFileSync(require('node:worker_threads').workerData)", {
        eval: true,
        workerData: database,
      }),
      "exit",
    ),
  "child process": () => execFileSync("cat", [database], { stdio: ["ignore", "pipe", "ignore"] }),
  socket: async () => {
    const socket = connect(join(dirname(database), "socket"));
    await once(socket, "connect");
    socket.destroy();
  },
  memory: () => {
    const [, start = "0"] = /^([0-9a-f]+)-/m.exec(readFileSync(`/proc/${pid}/maps`, "utf8")) ?? [];
    const memory = openSync(`/proc/${pid}/mem`, "r");
    readSync(memory, new Uint8Array(16), 0, 16, Number.parseInt(start, 16));
    closeSync(memory);
  },
  ptrace: () => {
    const libc = koffi.load("libc.so.6");
    const ptrace = libc.func("long ptrace(long request, int pid, void *address, void *data)");
    if (Number(ptrace(PTRACE_SEIZE, Number(pid), null, null)) !== 0) throw new Error("refused");
  },
  "as root of a namespace": () => run("unshare", "--user", "--map-root-user", "cat", database),
  "in the key side's namespaces": () => run("nsenter", `--target=${pid}`, "--mount", "cat", database),
  "by a setuid program": () => run("su", "lockstep-keys", "--shell", "/bin/sh", "--command", `cat ${database}`),
  "by the key side's folders": () => readFileSync(`/proc/${pid}/root${database}`),
  environment: () => readFileSync(`/proc/${pid}/environ`),
  "open files": () => readdirSync(`/proc/${pid}/fd`),
};

function run(program: string, ...words: readonly string[]): void {
  const { status } = spawnSync(program, words, { stdio: "ignore" });
  if (status !== 0) throw new Error("refused");
}

function rows(db: DatabaseSync, table: string): unknown {
  return db.prepare(`SELECT * FROM ${table}`).all();
}

async function outcome(way: () => unknown): Promise<string> {
  try {
    await way();
    return "reached";
  } catch (error) {
    if (!(error instanceof Error)) return String(error);
    return "errstr" in error ? String(error.errstr) : "code" in error ? String(error.code) : "refused";
  }
}

const found: Record<string, string> = {};
for (const [name, way] of Object.entries(ways)) found[name] = await outcome(way);
process.stdout.write(JSON.stringify(found));
