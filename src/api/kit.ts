import * as z from "zod";

import { routes } from "#api/route.ts";
import { count, id, instant, name, text } from "#api/values.ts";

const setId = z.string().regex(/^[0-9a-f]{8}$/);

const kitFacts = z.strictObject({
  /** Its set of shares. */
  id: setId,
  createdAt: instant,
  threshold: count,
  /** Who has a share. */
  custodians: z.array(name),
  /** Vaults that it opens. */
  vaults: z.array(id),
  checkedAt: instant.nullable(),
  /** Why it must be made or checked again, in words; null while all is well. */
  stale: text.nullable(),
});
export type KitFacts = z.infer<typeof kitFacts>;

/** The kit: its secret is never here. */
export const kitRoutes = routes({
  "kit.show": {
    method: "GET",
    path: "/v1/kit",
    summary: "The kit in use, and whether it is stale",
    askers: ["custodian", "auditor", "backup"],
    unaudited: true,
    input: z.strictObject({}),
    reply: z.strictObject({ kit: kitFacts.nullable() }),
  },
  "kit.adopt": {
    method: "POST",
    path: "/v1/kit",
    summary: "Encrypts copies to a new kit from now on",
    askers: ["custodian"],
    // whoever has the kit can read all values
    secondPerson: true,
    input: z.strictObject({
      id: setId,
      threshold: z.int().min(1).max(255),
      custodians: z.array(name).min(1).max(255),
      /** `age1…`: the public half of what opens the copies. */
      recipient: z.string().regex(/^age1[a-z0-9]{58}$/),
      vaults: z.array(id).max(1000),
    }),
    reply: z.strictObject({}),
  },
  "kit.checked": {
    method: "POST",
    path: "/v1/kit/checked",
    summary: "Says that the kit's shares were seen to open the newest copy and its vaults",
    askers: ["custodian"],
    input: z.strictObject({
      id: setId,
      /** The newest copy that it opened. */
      epoch: count,
      number: count,
      /** The vaults that it opened. */
      vaults: z.array(id).max(1000),
    }),
    reply: z.strictObject({ kit: kitFacts }),
  },
});
