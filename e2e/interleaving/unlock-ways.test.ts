import {
  aBackup,
  aCheck,
  aNewWay,
  aPrune,
  aRekey,
  aRemovedWay,
  aRemovedWayAndRekey,
  deleteOf,
  restoreOf,
  undeleteOf,
} from "#testing/participants.ts";
import { describePairs } from "#testing/pairs.ts";
import { SharedWorld } from "#testing/shared-world.ts";

const world = SharedWorld.make({ keyring: true });
const changes = [aNewWay, aRemovedWay, aRemovedWayAndRekey];
const others = [aBackup, aPrune, aRekey, aCheck, restoreOf("old"), deleteOf("newest"), undeleteOf("gone")];

describePairs(world, others, changes);
describePairs(world, changes, [...changes, ...others]);

const damaged = SharedWorld.make({ keyring: true, damaged: true });
describePairs(damaged, [aBackup, aCheck], [aRemovedWayAndRekey], { title: ", with damage" });
describePairs(damaged, [aRemovedWayAndRekey], [aBackup, aCheck], { title: ", with damage" });
