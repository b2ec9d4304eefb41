import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestContext } from "node:test";

import { Trial } from "./trial.ts";

/** A command line, and the code and exit code that it ends with. */
type Row = readonly [line: string, code: string, status: number];

/** A vault with a point, and paths that lead to nothing, to a folder, through a file, and round in a circle. */
function withPoint(t: TestContext): Trial {
  const trial = new Trial(t);
  trial.prepare(
    "lockstep init vault --key-file key --no-key-store",
    "head -c 1M /dev/urandom > web01.raw && lockstep protect web01 --disk web01.raw && lockstep backup web01",
    "mkdir folder && echo text > file && ln -s loop loop && mkfifo pipe && : > empty",
  );
  return trial;
}

/** What Node says of a system call that failed: `ENOENT: no such file or directory, open '/none'`. */
const nodesOwn = /\bE[A-Z]{2,}: |, (open|read|stat|lstat|statfs|scandir|mkdir|access|rename)\b|TypeError|\[BUG\]/;

function refused(trial: Trial, rows: readonly Row[]): void {
  for (const [line, code, status] of rows) {
    const said = trial.run(`lockstep ${line}`);
    assert.deepEqual(
      [/\[([A-Z_]+)\]\n/.exec(said.stderr)?.[1], said.status],
      [code, status],
      `${line}: ${said.stderr}`,
    );
    assert.doesNotMatch(said.stderr, nodesOwn, line);
    assert.match(said.stderr, /\n {2}hint: |is not TOML|is not JSON|its key does not start/, line);
  }
}

test("a file to be read that is not there ends with 66, and one of the wrong kind with 64", (t) => {
  const trial = withPoint(t);
  refused(trial, [
    ["status --config none", "FILE_MISSING", 66],
    ["status --config file/none", "FILE_MISSING", 66],
    ["status --config loop", "FILE_MISSING", 66],
    ["status --config folder", "CONFIG_INVALID", 64],
    ["status --config file", "CONFIG_INVALID", 64],
    ["status --key-file none", "FILE_MISSING", 66],
    ["status --key-file file/none", "FILE_MISSING", 66],
    ["status --key-file folder", "KEY_FILE_INVALID", 64],
    ["status --passphrase-file none", "FILE_MISSING", 66],
    ["status --passphrase-file folder", "PASSPHRASE_FILE_INVALID", 64],
    ["backup web01 --changed-ranges none", "FILE_MISSING", 66],
    ["backup web01 --changed-ranges file/none", "FILE_MISSING", 66],
    ["backup web01 --changed-ranges folder", "RANGES_INVALID", 64],
    ["backup web01 --changed-ranges file", "RANGES_INVALID", 64],
    ["scan web01.raw --keys none", "FILE_MISSING", 66],
    ["scan web01.raw --keys folder", "KEY_LIST_INVALID", 64],
    ["volume check web01.raw --passphrase-file none", "FILE_MISSING", 66],
    ["volume check web01.raw --key-file folder", "SECRET_INVALID", 64],
    ["volume header-restore web01.raw --from none", "DISK_MISSING", 66],
  ]);
});

test("a disk that is not there, or is none, is told from one that cannot be read", (t) => {
  const trial = withPoint(t);
  for (const command of ["protect db01 --disk", "machine set web01 --add-disk", "machine set web01 --disk web01="]) {
    const named = (path: string): string => `${command}${command.endsWith("=") ? "" : " "}${path}`;
    refused(trial, [
      [named("none"), "DISK_MISSING", 66],
      [named("file/none"), "DISK_MISSING", 66],
      [named("loop"), "DISK_MISSING", 66],
      [named("folder"), "DISK_UNSUPPORTED", 69],
      [named("pipe"), "DISK_UNSUPPORTED", 69],
      [named("empty"), "DISK_UNSUPPORTED", 69],
      [named("/dev/null"), "DISK_UNSUPPORTED", 69],
    ]);
  }
  refused(trial, [
    ["disk inspect none", "DISK_MISSING", 66],
    ["disk inspect folder", "DISK_UNSUPPORTED", 69],
    ["scan none", "DISK_MISSING", 66],
    ["volume check none", "DISK_MISSING", 66],
  ]);
});

test("a scan that could not look at something in a folder does not end with 0", (t) => {
  const trial = new Trial(t);
  trial.prepare("mkdir images && truncate -s 1M images/web01.raw");
  assert.equal(trial.run("lockstep scan images").status, 0);
  trial.prepare("ln -s db01.raw images/db01.raw"); // a link to itself
  const { status, stdout, stderr } = trial.run("lockstep scan images");
  assert.match(stdout, /^images\/web01\.raw /m);
  assert.deepEqual([status, /\[([A-Z_]+)\]/.exec(stderr)?.[1]], [2, "NOT_LOOKED_AT"]);
});

test("a target that cannot be is said before anything is written", (t) => {
  const trial = withPoint(t);
  for (const dry of ["", " --dry-run"]) {
    refused(trial, [
      [`restore web01 --to-dir file${dry}`, "TARGET_MISSING", 66],
      [`restore web01 --to-dir none/new/newer${dry}`, "TARGET_MISSING", 66],
      [`restore web01 --to file${dry}`, "TARGET_EXISTS", 75],
      [`restore web01 --to folder${dry}`, "TARGET_EXISTS", 75],
      [`restore web01 --to none/new.raw${dry}`, "TARGET_MISSING", 66],
      [`restore web01 --to file/new.raw${dry}`, "TARGET_MISSING", 66],
      [`restore web01 --to none --in-place${dry}`, "TARGET_MISSING", 66],
      [`restore web01 --to folder --in-place${dry}`, "TARGET_UNSUPPORTED", 69],
      [`restore web01 --to file --in-place${dry}`, "TARGET_TOO_SMALL", 64],
    ]);
  }
  refused(trial, [
    ["report --html --to none/report.html", "TARGET_MISSING", 66],
    ["report --html --to file/report.html", "TARGET_MISSING", 66],
    ["report --html --to file", "TARGET_EXISTS", 75],
  ]);
});

test("a place for a vault that is none is said to be", (t) => {
  const trial = withPoint(t);
  refused(trial, [
    ["status --vault none", "STORE_MISSING", 66],
    ["status --vault file", "STORE_MISSING", 66],
    ["status --vault loop", "STORE_MISSING", 66],
    ["status --vault folder", "VAULT_MISSING", 66],
    ["store check none", "STORE_MISSING", 66],
    ["store check file", "STORE_MISSING", 66],
    ["init file --key-file key2 --no-key-store", "ARGUMENT_INVALID", 64],
    ["init file/new --key-file key2 --no-key-store", "ARGUMENT_INVALID", 64],
    ["init loop --key-file key2 --no-key-store", "ARGUMENT_INVALID", 64],
    ["init new --key-file file/key2 --no-key-store", "FILE_MISSING", 66],
    ["init new --key-file folder --no-key-store", "KEY_FILE_INVALID", 64],
  ]);
});
