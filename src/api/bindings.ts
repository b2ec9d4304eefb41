import * as z from "zod";

import { routes } from "#api/route.ts";
import {
  bindingFacts,
  count,
  id,
  keyName,
  presentedHeader,
  reason,
  text,
  valueKind,
  versionFacts,
  volumePlace,
} from "#api/values.ts";

/** A header that a custodian presents, and what he says of it. */
const presented = {
  header: presentedHeader,
  place: volumePlace.nullable(),
  /** A `point` needs both members below: the custodian compared them with what the machine itself shows. */
  source: z.enum(["live", "import", "point"]),
  /** The protector that is tried, and no other: `keyslot 1`, a GUID; null: all that fit. */
  protector: text.nullable(),
  /** The volume's UUID; refused where the header has another. */
  volumeUuid: text.nullable(),
};

/** A version that was bound. */
const bound = {
  binding: bindingFacts,
  /** It was not bound before. */
  isNew: z.boolean(),
  /** Bindings that this live header shows to be gone: the volume has their protector no more, or another one is in its place. */
  gone: z.array(bindingFacts),
};
export type BoundFacts = z.infer<z.ZodObject<typeof bound>>;

const listedSecret = z.strictObject({
  /** The key that is made for it, or gets it as a further version. */
  name: keyName,
  kind: valueKind,
  value: z.base64(),
  note: text,
});

/** Which version opens what. */
export const bindingRoutes = routes({
  "key.bind": {
    method: "POST",
    path: "/v1/bindings",
    summary: "Tries a version on a volume's header, and binds it to the protector that it opens",
    askers: ["custodian"],
    input: z.strictObject({ version: keyName, ...presented }),
    reply: z.strictObject(bound),
  },
  "key.heal": {
    method: "POST",
    path: "/v1/heal",
    summary: "Puts a damaged value right by the same value, which must open a protector that the version is bound to",
    askers: ["custodian"],
    input: z.strictObject({ version: keyName, value: z.base64(), header: presentedHeader }),
    reply: z.strictObject({ version: keyName, protector: text }),
  },
  "key.match": {
    method: "POST",
    path: "/v1/match",
    summary: "Finds the version that opens a volume, the likeliest and cheapest first, and binds it",
    askers: ["custodian"],
    input: z.strictObject({
      ...presented,
      /** Trials may take so long in all, as estimated. */
      maxSeconds: z.number().positive().max(86_400),
      /** Only say what would be tried. */
      dryRun: z.boolean(),
    }),
    reply: z.strictObject({
      bound: z.strictObject(bound).nullable(),
      /** Bindings that its protectors had before, of versions that may be used. */
      known: z.array(bindingFacts),
      planned: z.strictObject({ versions: count, seconds: z.number().min(0) }),
      tried: count,
      /** What was not tried, or could not be, in words that name the version. */
      notTried: z.array(text),
    }),
  },
  "key.import": {
    method: "POST",
    path: "/v1/keys/import",
    summary: "Stores secrets of a list, each value once",
    askers: ["custodian"],
    input: z.strictObject({ secrets: z.array(listedSecret).max(1000) }),
    reply: z.strictObject({
      /** In the order of the secrets; `version` is null where a secret is not of its kind, and `failure` says why. */
      results: z.array(
        z.strictObject({ version: versionFacts.nullable(), isNew: z.boolean(), failure: text.nullable() }),
      ),
    }),
  },
  "key.find": {
    method: "GET",
    path: "/v1/find",
    summary: "Finds versions by a key ID, a volume's UUID, a machine's name, or what is in their names and notes",
    askers: ["custodian", "auditor"],
    unaudited: true,
    input: z.strictObject({ wanted: z.string().min(1).max(512) }),
    reply: z.strictObject({
      found: z.array(z.strictObject({ version: versionFacts, bindings: z.array(bindingFacts) })),
      /** Where nothing was found: IDs that differ in a digit or two, and names of versions that they are of. */
      alike: z.array(z.strictObject({ id: z.string(), version: z.string() })),
    }),
  },
  "binding.gone": {
    method: "GET",
    path: "/v1/vaults/:vault/machines/:machine/gone",
    summary: "Bindings that count as live, and that the newest point of a machine shows to be gone",
    askers: ["custodian", "auditor", "backup"],
    unaudited: true,
    input: z.strictObject({ vault: id, machine: id }),
    reply: z.strictObject({ gone: z.array(bindingFacts) }),
  },
  "binding.retire": {
    method: "POST",
    path: "/v1/bindings/:binding/retire",
    summary: "Says that a protector is gone from the live volume; points that have it need the version as before",
    askers: ["custodian"],
    input: z.strictObject({ binding: id, reason }),
    reply: z.strictObject({ binding: bindingFacts }),
  },
});
