import assert from "node:assert/strict";
import { test } from "node:test";

import { trialWithPoint } from "./rig.ts";

test("points are listed, shown, compared, deleted and taken back", (t) => {
  const trial = trialWithPoint(t, 2, 1);
  trial.prepare(
    "cp image.raw first.raw",
    "printf changed | dd of=image.raw bs=65536 seek=3 conv=notrunc status=none",
    "lockstep backup web01",
  );
  const listed = trial.json("lockstep point list web01")["points"] as { id: string; newBytes: number }[];
  const [newest, oldest] = listed;
  assert.ok(newest !== undefined && oldest !== undefined);
  assert.deepEqual(
    listed.map(({ newBytes }) => newBytes),
    [65_536, 2 * 1024 * 1024],
  );
  const diff = trial.json(`lockstep point diff ${oldest.id} web01 --ranges`);
  assert.deepEqual(diff["changedRanges"], { since: oldest.id, disks: { root: [[3 * 65_536, 65_536]] } });

  trial.transcript(`
    $ lockstep point delete web01
    ! error: deleting web01: that is a machine, not a point [ARGUMENT_INVALID]
    ! hint: Its newest point is web01@latest; \`lockstep point list web01\` shows all.
    [64]
    $ lockstep point delete ${newest.id.slice(0, 12)} --reason trial >/dev/null 2>&1
    $ lockstep point list web01 --deleted --json >/dev/null
    $ lockstep point show nothere
    ! error: there is no machine nothere [NAME_UNKNOWN]
    ! hint: \`lockstep machine list\` shows all machines.
    [66]
    $ lockstep point show wbe01
    ! error: there is no machine wbe01 [NAME_UNKNOWN]
    ! hint: Did you mean web01?
    [66]
  `);
  trial.prepare("lockstep restore web01 --to one.raw", "cmp one.raw first.raw");
  trial.prepare(`lockstep point undelete ${newest.id}`, "lockstep restore web01 --to two.raw", "cmp two.raw image.raw");
  trial.prepare(`lockstep recoverypoint show ${oldest.id.slice(0, 8)}`);
});

test("a list of ranges that a diff prints is one that a backup takes", (t) => {
  const trial = trialWithPoint(t, 2, 1);
  trial.prepare("lockstep backup web01");
  const [second] = trial.json("lockstep point list web01")["points"] as { id: string }[];
  trial.prepare("printf changed | dd of=image.raw bs=65536 seek=5 conv=notrunc status=none");
  trial.prepare(
    `echo '{"since":"${second?.id}","disks":{"root":[[327680,65536]]}}' > ranges`,
    "lockstep backup web01 --changed-ranges ranges",
  );
  const printed = trial.prepare(`lockstep point diff ${second?.id} web01 --ranges`);
  assert.deepEqual(JSON.parse(printed), JSON.parse(trial.prepare("cat ranges")));
});

test("a torn point is restored, with a warning and exit code 3", (t) => {
  const trial = trialWithPoint(t, 2, 1);
  assert.equal(trial.run("exec 9<>image.raw; lockstep backup web01 --torn-ok").status, 3);
  const { status, stderr } = trial.run("lockstep restore web01 --to out.raw");
  assert.equal(status, 3);
  assert.match(stderr, /is torn: .*\[POINT_TORN\]/);
  trial.prepare("cmp out.raw image.raw");
});

test("check finds damage, names what it hurts and exits with 65; a restore gives no wrong bytes", (t) => {
  const trial = trialWithPoint(t, 4, 1);
  trial.prepare("lockstep check web01 --read-data");
  trial.prepare(
    "f=$(find vault/machines -path '*/data/*' -type f | head -1); chmod u+w $f; printf damage | dd of=$f bs=1 seek=100000 conv=notrunc status=none",
  );
  const found = trial.json("lockstep check web01 --read-data");
  assert.partialDeepStrictEqual(found, { ok: false, checks: [{ hurt: [{ disk: "root" }] }] });
  assert.equal(trial.run("lockstep check --all").status, 65);
  const restore = trial.run("lockstep restore web01 --to out.raw");
  assert.equal(restore.status, 65);
  assert.match(restore.stderr, /Disk root, bytes \d+-\d+:.*\[BLOCK_DAMAGED\]/);
  assert.equal(trial.run("test -e out.raw").status, 1);

  trial.prepare("lockstep backup web01", "lockstep check web01 --read-data");
  trial.prepare("lockstep restore web01 --to out.raw", "cmp out.raw image.raw");
});

test("prune says beforehand to the byte what it then frees", (t) => {
  const trial = trialWithPoint(t, 4, 1);
  trial.prepare(
    "head -c 3M /dev/urandom | dd of=image.raw conv=notrunc status=none",
    "lockstep machine set web01 --keep last=1",
    "lockstep backup web01",
  );
  const dry = trial.json("lockstep prune --dry-run");
  const done = trial.json("lockstep prune");
  const freed = ({ machines }: Record<string, unknown>): unknown[] =>
    (machines as { freedBytes: number; deleted: object[] }[]).map(({ freedBytes, deleted }) => [
      freedBytes,
      deleted.length,
    ]);
  assert.deepEqual(freed(done), freed(dry));
  assert.deepEqual(freed(done), [[0, 1]]);
  assert.equal((trial.json("lockstep point list --deleted")["points"] as object[]).length, 1);
});

test("an older copy of the vault is refused, and restored from when told that it is the right one", (t) => {
  const trial = trialWithPoint(t, 2, 1);
  trial.prepare(
    "cp image.raw first.raw",
    "cp -r vault older",
    "printf changed | dd of=image.raw conv=notrunc status=none",
    "lockstep backup web01",
  );
  const refused = trial.json("lockstep restore web01 --to out.raw --vault older");
  assert.partialDeepStrictEqual(refused, { error: { code: "LOG_ROLLED_BACK" } });
  trial.prepare("lockstep restore web01 --to out.raw --vault older --expect any", "cmp out.raw first.raw");
});

test("after a re-keying the vault is as it should be, and every point can be given back", (t) => {
  const trial = trialWithPoint(t, 2, 1);
  trial.prepare(
    "lockstep vault unlock add --new-key-file second --label second",
    "lockstep vault unlock remove second",
  );
  const { machines } = trial.json("lockstep vault rekey");
  assert.partialDeepStrictEqual(machines, [{ machine: "web01", epoch: 2, leftAlone: [], leftBytes: 0, error: null }]);
  assert.partialDeepStrictEqual(trial.json("lockstep vault check"), { ok: true, copies: [], stray: [] });
  trial.prepare("lockstep check web01 --read-data", "lockstep restore web01 --to out.raw", "cmp out.raw image.raw");
});
