import * as z from "zod";

import { routes } from "#api/route.ts";
import {
  bindingFacts,
  count,
  digest,
  id,
  instant,
  keyName,
  presentedHeader,
  reason,
  text,
  versionFacts,
} from "#api/values.ts";

const executor = z.enum(["cryptsetup", "steps"]);

const rolloverFacts = z.strictObject({
  id,
  /** The last step that is done; docs/rollover.md. */
  step: z.enum(["made", "copied", "tried", "removed", "abandoned"]),
  executor,
  /** The keyslot that the new version is meant for; null: not chosen yet, or BitLocker. */
  slot: count.nullable(),
  oldVersion: keyName,
  newVersion: keyName,
  /** What the old version opened, or opens. */
  binding: bindingFacts,
  begunBy: text,
  begunAt: instant,
  changedAt: instant,
  /** Null while it is under way. */
  endedAt: instant.nullable(),
  /** When a point was seen to open with the new version; null: not yet. */
  provenAt: instant.nullable(),
});
export type RolloverFacts = z.infer<typeof rolloverFacts>;

/** What to do to the volume next. */
const rolloverTask = z.discriminatedUnion("do", [
  z.strictObject({ do: z.literal("add"), slot: count.nullable() }),
  z.strictObject({
    do: z.literal("remove"),
    /** By this id alone, never by a value. */
    protector: text,
    /** The version that was seen to open another protector just now. */
    by: z.enum(["new", "old"]),
  }),
  z.strictObject({ do: z.literal("nothing") }),
]);
export type RolloverTask = z.infer<typeof rolloverTask>;

const sharedVolume = z.strictObject({
  volumeIdentity: digest,
  volumeFormat: z.enum(["luks1", "luks2", "bitlocker"]),
  volumeUuid: text.nullable(),
  /** Its live protectors, whichever version opens them. */
  live: z.array(bindingFacts),
  pointCount: count,
  /** The newest first, 1,000 at most. */
  points: z.array(z.strictObject({ vault: id, point: id, name: text, capturedAt: instant })),
});
export type SharedVolumeFacts = z.infer<typeof sharedVolume>;

/** Rolling over the protectors of live volumes, and values that others may know. */
export const rolloverRoutes = routes({
  "rollover.begin": {
    method: "POST",
    path: "/v1/rollovers",
    summary: "Begins to replace a protector of a live volume, or goes on with that; makes the new version",
    askers: ["custodian"],
    input: z.strictObject({ binding: id, executor, header: presentedHeader }),
    reply: z.strictObject({ rollover: rolloverFacts }),
  },
  "rollover.next": {
    method: "POST",
    path: "/v1/rollovers/:rollover/next",
    summary: "Tries both versions on the live header, notes what it shows, and says what is to be done next",
    askers: ["custodian"],
    input: z.strictObject({
      rollover: id,
      /** Back: everything becomes as it was before. */
      aim: z.enum(["forward", "back"]),
      header: presentedHeader,
    }),
    reply: z.strictObject({
      rollover: rolloverFacts,
      task: rolloverTask,
      /** On what a version was not tried, and why. */
      notTried: z.array(text),
    }),
  },
  "rollover.values": {
    method: "POST",
    path: "/v1/rollovers/:rollover/values",
    summary: "Gives both values to the program that changes the volume",
    askers: ["custodian"],
    secondPerson: true,
    input: z.strictObject({ rollover: id }),
    reply: z.strictObject({ old: z.base64(), new: z.base64() }),
  },
  "rollover.list": {
    method: "GET",
    path: "/v1/rollovers",
    summary: "All rollovers, the newest first",
    askers: ["custodian", "auditor", "backup"],
    unaudited: true,
    input: z.strictObject({}),
    reply: z.strictObject({ rollovers: z.array(rolloverFacts) }),
  },
  "rollover.abandon": {
    method: "POST",
    path: "/v1/rollovers/:rollover/abandon",
    summary: "Gives a rollover up without a look at its volume; both versions stay",
    askers: ["custodian"],
    input: z.strictObject({ rollover: id, reason }),
    reply: z.strictObject({ rollover: rolloverFacts }),
  },
  "key.compromise": {
    method: "POST",
    path: "/v1/versions/:version/compromise",
    summary: "Notes that others may know a version's value, and says what shares a volume key with what it opens",
    askers: ["custodian"],
    input: z.strictObject({ version: keyName, why: reason }),
    reply: z.strictObject({ version: versionFacts, volumes: z.array(sharedVolume) }),
  },
});
