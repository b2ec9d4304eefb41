import { test } from "node:test";

import {
  aBackup,
  aCheck,
  aNewWay,
  anotherBackup,
  aPrune,
  aRekey,
  aRemovedWay,
  aRemovedWayAndRekey,
  deleteOf,
  restoreOf,
  undeleteOf,
} from "#testing/participants.ts";
import type { Participant } from "#testing/participants.ts";
import { stall } from "#testing/schedules.ts";
import { SharedWorld } from "#testing/shared-world.ts";

/*
 * One stops for ever after each of its calls, or wakes up weeks later. Meanwhile somebody else works, a week goes by,
 * then others back up and prune, 15 days go by, and they prune again.
 */

const plain = SharedWorld.make({ newDataKey: true });
const damaged = SharedWorld.make({ damaged: true, newDataKey: true });
const unlocked = SharedWorld.make({ keyring: true, damaged: true });

const cases: readonly [Promise<SharedWorld>, Participant, Participant][] = [
  [plain, aBackup, anotherBackup],
  [plain, aBackup, deleteOf("newest")],
  [plain, aPrune, undeleteOf("gone")],
  [plain, aPrune, aPrune],
  [plain, aRekey, aBackup],
  [plain, aRekey, aPrune],
  [plain, aCheck, aRekey],
  [plain, deleteOf("newest"), aPrune],
  [plain, undeleteOf("gone"), aPrune],
  [plain, restoreOf("gone"), aPrune],
  [plain, restoreOf("old"), aRekey],
  [damaged, { ...aBackup, name: "healing backup" }, aRekey],
  [damaged, { ...aRekey, name: "rekey of damage" }, aBackup],
  [unlocked, { ...aBackup, name: "healing backup" }, aRemovedWayAndRekey],
  [damaged, { ...aCheck, name: "check of damage" }, aRekey],
  [unlocked, aRemovedWayAndRekey, aBackup],
  [unlocked, aNewWay, aRemovedWayAndRekey],
  [unlocked, aRemovedWay, aNewWay],
];

for (const [world, first, second] of cases) {
  test(`${first.name} stops for ever or for weeks, ${second.name} meanwhile`, async (t) => {
    const { runs, ends } = await stall(await world, first, second, [aBackup, aPrune, aPrune]);
    t.diagnostic(`${runs} orders, ${ends} different ends`);
  });
}
