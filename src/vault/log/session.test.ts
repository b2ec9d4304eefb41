import assert from "node:assert/strict";
import { test } from "node:test";

import { LogBench, must, signal } from "#testing/vaults/log-bench.ts";
import { appendInSession, closeSession, openSession } from "#vault/log/session.ts";

test("opening a session closes the one that is open in its lane, and leaves the other lane alone", async () => {
  const bench = new LogBench("lanes");
  const log = await bench.create();
  const backup = await bench.session(log, "backup");
  const prune = await bench.session(log, "maintenance");
  const next = await bench.session(log, "backup");
  assert.deepEqual(
    [backup, prune, next].map((session) => session.isOpen(log.fold)),
    [false, true, true],
  );
});

test("who decides not to open opens nothing", async () => {
  const bench = new LogBench("decides");
  const log = await bench.create();
  assert.equal(await openSession(log, "backup", { choose: () => null, random: bench.random }, signal), null);
  assert.equal(log.fold.seq, 1);
});

test("a session knows its base and what it adopted", async () => {
  const bench = new LogBench("starts");
  const log = await bench.create();
  const point = await bench.point(log);
  const dead = await bench.session(log, "backup", { base: point });
  const root = bench.root();
  await must(log, bench.checkpointDraft(dead.id, root));
  const session = await bench.session(await bench.open(), "backup", { base: point, adopt: true });
  assert.equal(session.base?.point, point);
  assert.deepEqual(session.adopted, [{ disk: bench.disk, sizeBytes: 1 << 30, root }]);
});

test("an entry of a session that is over is refused, and says who took its place", async () => {
  const bench = new LogBench("over");
  const log = await bench.create();
  const session = await bench.session(log, "backup");
  const draft = bench.checkpointDraft(session.id);
  assert.ok((await appendInSession(log, session, () => draft, signal)) !== null);
  const other = await bench.session(await bench.open("host-b"), "backup");
  await assert.rejects(
    appendInSession(log, session, () => draft, signal),
    {
      code: "SESSION_FENCED",
      message: new RegExp(`session ${other.id} of host host-b took its place`),
    },
  );
});

test("closing twice is closing once", async () => {
  const bench = new LogBench("twice");
  const log = await bench.create();
  const session = await bench.session(log, "maintenance");
  await closeSession(log, session, signal);
  await closeSession(log, session, signal);
  assert.equal(log.fold.seq, 3);
  await assert.rejects(
    appendInSession(log, session, () => null, signal),
    { code: "SESSION_FENCED", message: /it was closed/ },
  );
});
