import assert from "node:assert/strict";
import { test } from "node:test";

import { interceptedStore } from "#testing/stores/intercepted-store.ts";
import { through, unanswered } from "#testing/vaults/broken-participants.ts";
import { verifyAftermath } from "#testing/worlds/aftermath.ts";
import type { Participation } from "#testing/worlds/aftermath.ts";
import {
  aBackup,
  aBackupByList,
  aCheck,
  anotherBackup,
  aPrune,
  aRekey,
  deleteOf,
  redeleteOf,
  restoreOf,
  undeleteOf,
} from "#testing/worlds/participants.ts";
import type { Answer, Participant } from "#testing/worlds/participants.ts";
import { actorOf, everyOrder, everyStop, undisturbed } from "#testing/worlds/schedules.ts";
import { SharedWorld } from "#testing/worlds/shared-world.ts";
import type { WorldCopy } from "#testing/worlds/shared-world.ts";

/*
 * Each test is one way in which a simpler protocol loses data, here with whole operations. Those which are a matter of
 * the log alone are in src/vault/log/log-drafts.test.ts.
 */

const plain = SharedWorld.make({ newDataKey: true });
const damaged = SharedWorld.make({ damaged: true, newDataKey: true });

test("mark with expiry by clock, then undelete, then the list lands", async () => {
  await everyOrder({ world: await plain, first: aPrune, second: undeleteOf("gone") });
});

test("a backup opens on a base that expires meanwhile", async () => {
  const pair = { world: await plain, first: aBackup, second: deleteOf("newest") };
  for (const wakes of [true, false]) await everyStop(pair, { ...undisturbed, weeks: [aPrune, aPrune], wakes });
});

test("delete, undelete, delete, and a stalled purge completes the first deletion", async () => {
  await everyOrder({ world: await plain, first: aPrune, second: redeleteOf("gone") });
  await everyOrder({ world: await plain, first: redeleteOf("gone"), second: aPrune });
});

test("purge of the open session's base", async () => {
  const world = await plain;
  for (const prunes of [1, 2]) {
    const copy = await world.copy();
    const stopped = await actorOf(copy, aBackup, "first");
    await stopped.runTo(2);
    const took: Participation[] = [];
    const run = async (who: Participant, name: string): Promise<Answer> => {
      const outcome = await (await actorOf(copy, who, name)).finish();
      took.push({ who, outcome });
      if ("error" in outcome) throw outcome.error;
      return outcome.result;
    };
    await run(deleteOf("newest"), "second");
    await copy.pass(15);
    const { pruned } = await run(aPrune, "third"); // the first to know that the backup is stalled: it closes the session
    assert.notEqual(pruned?.closed, null);
    if (prunes === 2) await run(aPrune, "fourth");
    took.push({ who: aBackup, outcome: await stopped.finish() });
    await verifyAftermath(copy, took);
  }
});

test("an open entry is lost and retried with the same adoption, after another session dropped that checkpoint", async () => {
  const ends = new Set<string>();
  await everyOrder({ world: await plain, first: aBackup, second: aBackupByList }, ends);
  assert.ok(ends.size > 1);
  await everyOrder({ world: await plain, first: aBackupByList, second: aBackup });
});

test("a second prune, while the first has a generation that is not yet logged", async () => {
  await everyStop({ world: await plain, first: aPrune, second: aPrune }, { ...undisturbed, wakes: false });
});

test("a fenced re-keying's replacement lands late", async () => {
  await everyStop({ world: await plain, first: aRekey, second: aPrune }, undisturbed);
});

test("re-keying reads a damaged segment, a backup heals it, the re-key lands", async () => {
  await everyOrder({ world: await damaged, first: aRekey, second: aBackup });
});

for (const who of [aCheck, aPrune, aRekey, aBackup]) {
  test(`a read error is not taken for damage: ${who.name}`, async () => {
    const world = await damaged;
    let refused = 0;
    for (let index = 0, hasEnded = false; !hasEnded; index++) {
      const copy = await world.copy();
      const deaf: Participant = {
        ...through(who, unanswered(index), `${who.name} without an answer`),
        refusals: [...who.refusals, "STORE_UNAVAILABLE"],
      };
      const first = await actorOf(copy, deaf, "first");
      const outcome = await first.finish();
      if ("error" in outcome) refused++;
      const rekeyed = await (await actorOf(copy, aRekey, "second")).finish();
      await verifyAftermath(copy, [
        { who: deaf, outcome: "error" in outcome ? null : outcome },
        { who: aRekey, outcome: rekeyed },
      ]);
      hasEnded = first.calls.length < index;
    }
    assert.ok(who === aCheck || refused > 0);
  });
}

test("bytes that come wrong once are not taken for damage by a backup that heals", async () => {
  const world = await damaged;
  for (let wrong = 0; wrong < 12; wrong++) {
    const copy = await world.copy();
    let gets = 0;
    const flipping = through(
      aBackup,
      (store) =>
        interceptedStore(store, async (call, run) => {
          const answer = await run();
          if (call.operation !== "get" || !call.key.includes("/data/") || gets++ !== wrong) return answer;
          if (answer instanceof Uint8Array) answer[answer.length - 20] = (answer[answer.length - 20] ?? 0) ^ 1;
          return answer;
        }),
      "backup that reads wrong once",
    );
    const outcome = await (await actorOf(copy, flipping, "first")).finish();
    await verifyAftermath(copy, [{ who: flipping, outcome }]);
  }
});

for (const fault of ["before", "after", "delayed"] as const) {
  for (const [who, other] of [
    [aBackup, anotherBackup],
    [aPrune, undeleteOf("gone")],
    [aPrune, aBackup],
    [aRekey, aPrune],
  ] as const) {
    test(`a call without an answer, ${fault}: ${who.name}, and ${other.name} before it is repeated`, async () => {
      await everyStop({ world: await plain, first: who, second: other }, { ...undisturbed, unanswered: fault });
    });
  }
}

test("two rewrites under one restore", async () => {
  const world = await plain;
  for (let calls = 0, isLast = false; !isLast; calls++) {
    for (let more = 1; more <= 8; more++) {
      const copy = await world.copy();
      const restore = await actorOf(copy, restoreOf("old"), "first");
      isLast = await restore.runTo(calls);
      await finished(copy, aPrune, "second");
      await restore.runTo(calls + more);
      await finished(copy, aRekey, "third");
      const outcome = await restore.finish();
      assert.ok("result" in outcome, `stopped after ${calls} calls, and ${more} more`);
      assert.deepEqual(outcome.result.restored?.bytes, world.expected.get(world.points[1])?.content);
      if (isLast) break;
    }
  }
});

test("a rule is decided, the newest point is deleted by hand, the rule lands", async () => {
  await everyOrder({ world: await plain, first: aPrune, second: deleteOf("newest") });
  await everyOrder({ world: await plain, first: deleteOf("newest"), second: aPrune });
});

test("a crashed last session with no next backup", async () => {
  const world = await plain;
  for (let calls = 0, hasEnded = false; !hasEnded; calls++) {
    const copy = await world.copy();
    const crashed = await actorOf(copy, aBackup, "first");
    hasEnded = await crashed.runTo(calls);
    await verifyAftermath(copy, [{ who: aBackup, outcome: crashed.outcome }]);
  }
});

async function finished(copy: WorldCopy, who: Participant, name: string): Promise<void> {
  const outcome = await (await actorOf(copy, who, name)).finish();
  if ("error" in outcome) throw outcome.error;
}
