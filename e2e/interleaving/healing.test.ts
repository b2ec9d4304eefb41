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
import type { Participant } from "#testing/participants.ts";
import { describePairs } from "#testing/pairs.ts";
import { SharedWorld } from "#testing/shared-world.ts";

/* In a world with damage, a backup heals what the disk still holds. */

const world = SharedWorld.make({ damaged: true, newDataKey: true });
const healing = (backup: Participant): Participant => ({ ...backup, name: `healing ${backup.name}` });
const others = [aPrune, aRekey, aCheck, deleteOf("newest"), undeleteOf("gone")];
/** Reads what the backup heals: it meets the damage, or gets the right bytes. */
const reader = { ...restoreOf("newest"), refusals: ["POINT_GONE", "BLOCK_DAMAGED"] } satisfies Participant;

describePairs(world, [healing(aBackup)], [healing(anotherBackup), ...others, reader]);
describePairs(world, [...others, reader], [healing(aBackup)]);
describePairs(world, [aCheck], [aPrune, aRekey], { title: ", with damage" });
describePairs(world, [aPrune, aRekey], [aCheck], { title: ", with damage" });
