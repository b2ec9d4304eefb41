import * as z from "zod";

import { routes } from "#api/route.ts";
import { count, id, instant, text, unicode } from "#api/values.ts";

const sealKind = z.enum(["passphrase", "key-file", "host-credential"]);
/** A way in which the store opens. */
const seal = z.strictObject({ id, kind: sealKind, label: text, createdAt: instant });
export type SealFacts = z.infer<typeof seal>;

/** How far a rollover of the store's keys came. */
const rewrapped = {
  /** How many values are wrapped anew. */
  values: count,
  /** What is damaged and stays as it was, in people's words. */
  damaged: z.array(text),
  /** Why what was replaced may still be in pieces in the database file, in words; null when it is not. */
  notErased: text.nullable(),
};

/** The store as a whole. */
export const storeRoutes = routes({
  "store.show": {
    method: "GET",
    path: "/v1/store",
    summary: "What the key store is, and whether it is open",
    askers: ["anybody"],
    unaudited: true,
    input: z.strictObject({}),
    reply: z.strictObject({
      id,
      createdAt: instant,
      epoch: count,
      /** Why releases and destruction are frozen; null when they are not. */
      frozen: text.nullable(),
      sealed: z.boolean(),
      seals: z.array(seal),
      /** Ed25519, base64. */
      signingKey: z.base64(),
      /** For how many days a proof counts. */
      proofIntervalDays: count,
      keys: count,
      versions: count,
      custodians: count,
      /** The process' own user; it is not isolated from processes of the same one. */
      user: text,
    }),
  },
  "store.unseal": {
    method: "POST",
    path: "/v1/store/unseal",
    summary: "Opens the key store with one of the secrets that open it",
    askers: ["anybody"],
    input: z.strictObject({ kind: sealKind, secret: z.base64() }),
    reply: z.strictObject({}),
  },
  "store.seal": {
    method: "POST",
    path: "/v1/store/seal",
    summary: "Forgets what opens the values, until it is opened again",
    askers: ["custodian"],
    input: z.strictObject({}),
    reply: z.strictObject({}),
  },
  "store.rekey": {
    method: "POST",
    path: "/v1/store/rekey",
    summary: "Rolls over the store's own keys: all values are wrapped anew",
    askers: ["custodian"],
    input: z.strictObject({}),
    reply: z.strictObject(rewrapped),
  },
  "store.addSeal": {
    method: "POST",
    path: "/v1/store/seals",
    summary: "Adds a way in which the key store opens",
    askers: ["custodian"],
    input: z.strictObject({
      kind: sealKind,
      label: unicode.trim().min(1).max(128),
      secret: z.base64(),
    }),
    reply: z.strictObject({ seal }),
  },
  "store.removeSeal": {
    method: "DELETE",
    path: "/v1/store/seals/:seal",
    summary: "Removes a way in which the key store opens, and rolls over the store's own keys",
    askers: ["custodian"],
    secondPerson: true,
    input: z.strictObject({
      /** Its id or its label. */
      seal: text,
    }),
    reply: z.strictObject({ seal, ...rewrapped }),
  },
});
