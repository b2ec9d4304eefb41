import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";

import { lockFile } from "#linux/libc.ts";

import { Trial } from "./trial.ts";

function withMachine(t: TestContext): Trial {
  const trial = new Trial(t);
  trial.prepare(
    "lockstep init vault --key-file key --no-key-store",
    "head -c 2M /dev/urandom > root.raw",
    "lockstep protect web01 --disk root.raw",
  );
  return trial;
}

function newestPoint(trial: Trial): string {
  const status = JSON.stringify(trial.json("lockstep status"));
  return /"lastPoint":\{"id":"([0-9a-f]{32})"/.exec(status)?.[1] ?? "";
}

test("a disk that somebody holds open for writing is refused, or taken as torn and not exit 0", (t) => {
  const trial = withMachine(t);
  const fd = openSync(trial.path("root.raw"), "r+");
  try {
    trial.transcript(`
      $ lockstep backup web01
      ! error: DIR/root.raw is in use: process PID has it open for writing [DISK_IN_USE]
      ! hint: Shut the machine down, or use --snapshot reflink where the file system can; --torn-ok takes it as it is, and marks the point as torn.
      [75]
      $ lockstep backup web01 --torn-ok
      web01@TIME  2.0 MiB read, 2.0 MiB new, 2.0 MiB stored, TOOK (RATE)  torn · the copy is torn · amber
      ! warning: web01: the point is torn: its disks may have been written to while they were read (root: process PID has it open for writing) [POINT_TORN]
      ! hint: Shut the machine down, or use --snapshot, and back it up again.
      [3]
      $ lockstep status
      MACHINE  LAST POINT  CONSISTENCY  POINTS  LIGHT  NEEDS  EXPECTED UNTIL  ATTENTION
      web01  TIME (AGO)  torn  1  amber  -  -  the newest point is torn: its disks may have been written to
      What to do:
      web01: \`lockstep backup web01\` while it is shut down, or with --snapshot reflink
      [2]
    `);
  } finally {
    closeSync(fd);
  }
});

test("a list of changed ranges is believed only as far as a sample goes", (t) => {
  const trial = withMachine(t);
  trial.prepare("lockstep backup web01", "printf abc | dd of=root.raw bs=1 seek=1000000 conv=notrunc status=none");
  const since = newestPoint(trial);
  const list = (ranges: string): string => `{ "since": "${since}", "disks": { "root": ${ranges} } }`;
  writeFileSync(trial.path("right.json"), list("[[1000000, 3]]"));
  writeFileSync(trial.path("far.json"), list("[[2097000, 1000]]"));
  writeFileSync(trial.path("wrong.json"), list('[["all", 3]]'));
  writeFileSync(trial.path("other.json"), `{ "since": "${since}", "disks": {} }`);
  trial.transcript(`
    $ lockstep backup web01 --changed-ranges far.json
    ! error: the changed range [2097000, 1000] does not lie in disk root of 2097152 bytes [RANGES_INVALID]
    ! hint: docs/changed-ranges.md says what is in the file.
    [64]
    $ lockstep backup web01 --changed-ranges other.json
    ! error: the changed ranges do not name the disk root; where nothing changed, name it with [] [RANGES_INVALID]
    ! hint: docs/changed-ranges.md says what is in the file.
    [64]
    $ lockstep backup web01 --changed-ranges wrong.json
    ! error: reading the changed ranges wrong.json: disks.root.0.0: Invalid input: expected number, received string [RANGES_INVALID]
    ! hint: docs/changed-ranges.md says what is in the file.
    [64]
    $ lockstep backup web01 --changed-ranges right.json | cut -d, -f1,2
    web01@TIME  64.0 KiB read, 64.0 KiB new
    $ lockstep backup web01 --changed-ranges right.json
    ! error: disk root: the list of changes starts from point ID, the newest is ID [RANGES_WRONG_BASE]
    ! hint: Make a list that starts from the newest point, or back up without one: a scan finds all changes.
    [75]
    $ lockstep backup web01
    web01@TIME  2.0 MiB read, 0 B new, 0 B stored, TOOK (RATE)  offline · nobody knows whether disk root is encrypted · amber
  `);
});

test("a list that misses what changed all over the disk is found out, and nothing is backed up", (t) => {
  const trial = withMachine(t);
  trial.prepare("lockstep backup web01", "head -c 2M /dev/urandom > root.raw");
  writeFileSync(trial.path("nothing.json"), `{ "since": "${newestPoint(trial)}", "disks": { "root": [] } }`);
  const { machines } = trial.json("lockstep backup web01 --changed-ranges nothing.json");
  assert.partialDeepStrictEqual(machines, [{ machine: "web01", point: null, error: { code: "RANGES_UNTRUE" } }]);
  trial.prepare("lockstep machine list | grep -q ' 1  24 h'");
});

test("of several machines one fails, and the others go on", (t) => {
  const trial = withMachine(t);
  trial.prepare(
    "truncate -s 1M gone.raw",
    "lockstep protect app01 --disk gone.raw",
    "lockstep protect db01 --disk root.raw",
    "rm gone.raw",
  );
  trial.transcript(`
    $ lockstep backup --all
    db01@TIME  2.0 MiB read, 2.0 MiB new, 2.0 MiB stored, TOOK (RATE)  offline · nobody knows whether disk root is encrypted · amber
    web01@TIME  2.0 MiB read, 2.0 MiB new, 2.0 MiB stored, TOOK (RATE)  offline · nobody knows whether disk root is encrypted · amber
    ! error: app01: opening DIR/gone.raw: it is not there (ENOENT) [DISK_MISSING]
    ! hint: Check the path, and that the disk is attached or its file system mounted. If it was moved: lockstep machine set app01 --disk gone=PATH
    [66]
    $ lockstep backup web01 none
    web01@TIME  2.0 MiB read, 0 B new, 0 B stored, TOOK (RATE)  offline · nobody knows whether disk root is encrypted · amber
    ! error: none: there is no machine none [NAME_UNKNOWN]
    ! hint: \`lockstep machine list\` shows all machines.
    [66]
  `);
});

test("one backup of a machine at a time: the second one names the process of the first", (t) => {
  const trial = withMachine(t);
  const [vault = ""] = readdirSync(trial.path("state/vaults")).filter((name) => !name.includes("."));
  const machines = readdirSync(trial.path("state/vaults", vault, "machines"));
  const locks = trial.path("state/vaults", vault, "locks");
  mkdirSync(locks, { recursive: true });
  const fd = openSync(join(locks, machines[0]?.replace(".json", "") ?? ""), "w+");
  writeFileSync(fd, `${process.pid}\n`);
  assert.ok(lockFile(fd));
  trial.transcript(`
    $ lockstep backup web01
    ! error: working on machine web01: process PID of this host is at work on it [MACHINE_BUSY]
    ! hint: Wait until it is done. If it hangs, end it: a backup goes on from its last checkpoint.
    [75]
  `);
  closeSync(fd);
  trial.prepare("lockstep backup web01");
});

test("a backup that is stopped says so, exits with 130, and the next one goes on", async (t) => {
  const trial = withMachine(t);
  trial.prepare("head -c 300M /dev/urandom > root.raw");
  const child = spawn("lockstep", ["backup", "web01"], { cwd: trial.folder, env: trial.variables });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  const disks = (): string[] =>
    readdirSync(trial.path("vault"), { recursive: true, encoding: "utf8" }).filter((name) => /data\/./.test(name));
  while (child.exitCode === null && disks().length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  child.kill("SIGINT");
  const [status] = await once(child, "close");
  assert.equal(status, 130, said);
  assert.match(said, /\[CANCELLED\]/);
  trial.transcript(`
    $ lockstep backup web01 | cut -d, -f1
    web01@TIME  300.0 MiB read
  `);
});
