import * as z from "zod";

import { routes } from "#api/route.ts";
import { count, id, instant, keyName, name, text, unicode } from "#api/values.ts";

/** A folder or URL as the key side opens it. */
const place = unicode.min(1).max(4096);

const placeFacts = z.strictObject({
  id,
  place,
  /** What fails together with it, by a custodian's word. */
  domain: name,
  addedAt: instant,
  /** The newest copy of this epoch that was read back there; null where there is none. */
  newest: z.strictObject({ number: count, writtenAt: instant }).nullable(),
  /** Whether it has all that is in the store. */
  complete: z.boolean(),
  copies: count,
  sizeBytes: count,
  /** Why the last attempt at it failed, in words; null where it did not. */
  failure: text.nullable(),
  /** Since when it refuses to delete copies that have served their term; null where it does not. */
  keepsSince: instant.nullable(),
});
export type PlaceFacts = z.infer<typeof placeFacts>;

const copyFacts = z.strictObject({
  epoch: count,
  number: count,
  /** Null for one that a recovery found in a place and had no need to read. */
  kind: z.enum(["full", "increment"]).nullable(),
  sizeBytes: count,
  writtenAt: instant,
  /** Where it was read back and found right. */
  places: z.array(place),
});
export type CopyFacts = z.infer<typeof copyFacts>;

const copyListing = z.strictObject({
  epoch: count,
  /** How many failure domains have all that is in the store; two or more are asked for. */
  domains: count,
  places: z.array(placeFacts),
  /** Versions whose value was found damaged, so that newer copies lack it: `web01/v1`. */
  damaged: z.array(keyName),
});
export type CopyListing = z.infer<typeof copyListing>;

/** Copies of the key store, and where they go. */
export const copiesRoutes = routes({
  "copy.list": {
    method: "GET",
    path: "/v1/copies",
    summary: "The places that copies go to, and what each has",
    askers: ["custodian", "auditor", "backup"],
    unaudited: true,
    input: z.strictObject({}),
    reply: copyListing,
  },
  "copy.all": {
    method: "GET",
    path: "/v1/copies/all",
    summary: "Every copy that was written and not deleted, the newest first",
    askers: ["custodian", "auditor"],
    unaudited: true,
    input: z.strictObject({}),
    reply: z.strictObject({ copies: z.array(copyFacts) }),
  },
  "copy.make": {
    method: "POST",
    path: "/v1/copies",
    summary: "Sees to it that each place has all, and says what was done",
    askers: ["custodian"],
    input: z.strictObject({ full: z.boolean() }),
    reply: z.strictObject({
      written: z.strictObject({ number: count, kind: z.enum(["full", "increment"]) }).nullable(),
      places: z.array(z.strictObject({ place, failure: text.nullable() })),
    }),
  },
  "place.add": {
    method: "POST",
    path: "/v1/places",
    summary: "Sends copies to one more place",
    askers: ["custodian"],
    input: z.strictObject({ place, domain: name }),
    reply: z.strictObject({}),
  },
  "place.remove": {
    method: "POST",
    path: "/v1/places/remove",
    summary: "Sends no more copies to a place; what is there stays",
    askers: ["custodian"],
    input: z.strictObject({ place }),
    reply: z.strictObject({}),
  },
});
