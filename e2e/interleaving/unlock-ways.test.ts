import {
  aBackup,
  aCheck,
  aNewWay,
  aPrune,
  aRemovedWay,
  aRemovedWayAndRekey,
  restoreOf,
} from "#testing/participants.ts";
import { describePairs } from "#testing/pairs.ts";
import { SharedWorld } from "#testing/shared-world.ts";

const world = SharedWorld.make({ keyring: true });
const changes = [aNewWay, aRemovedWay, aRemovedWayAndRekey];

describePairs(world, [aBackup, aPrune, aCheck, restoreOf("old")], changes);
describePairs(world, changes, [...changes, aBackup, aPrune, aCheck, restoreOf("old")]);
describePairs(SharedWorld.make({ keyring: true, damaged: true }), [aBackup, aCheck], [aRemovedWayAndRekey], {
  title: ", with damage",
});
