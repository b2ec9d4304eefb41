import { aBackup, aCheck, aPrune, aRekey, deleteOf, restoreOf, undeleteOf } from "#testing/participants.ts";
import { describePairs } from "#testing/pairs.ts";
import { SharedWorld } from "#testing/shared-world.ts";

describePairs(
  SharedWorld.make({ newDataKey: true }),
  [aCheck, restoreOf("gone"), restoreOf("old"), deleteOf("newest"), undeleteOf("gone")],
  [aBackup, aPrune, aRekey, aCheck, deleteOf("newest"), undeleteOf("gone"), restoreOf("gone"), restoreOf("old")],
);
