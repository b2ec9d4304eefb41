import {
  aBackup,
  aCheck,
  anotherBackup,
  aPrune,
  aRekey,
  deleteOf,
  restoreOf,
  undeleteOf,
} from "#testing/participants.ts";
import { describePairs } from "#testing/pairs.ts";
import { SharedWorld } from "#testing/shared-world.ts";

describePairs(
  SharedWorld.make({ newDataKey: true }),
  [aBackup],
  [anotherBackup, aPrune, aRekey, aCheck, deleteOf("newest"), undeleteOf("gone"), restoreOf("gone"), restoreOf("old")],
);

// Small objects are kept twice, so each entry, body and node segment is two calls.
describePairs(SharedWorld.make({ singleDisk: true }), [aBackup], [aPrune], { title: ", everything kept twice" });
