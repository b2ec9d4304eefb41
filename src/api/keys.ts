import * as z from "zod";

import { routes } from "#api/route.ts";
import {
  bindingFacts,
  count,
  id,
  instant,
  keyName,
  need,
  reason,
  text,
  valueKind,
  versionFacts,
  versionName,
} from "#api/values.ts";

/** A place where copies of the key store still hold a version. */
const holdingPlace = z.strictObject({
  place: text,
  copies: count,
  /** When the last of them will be deleted; null where nobody can say. */
  goneAt: instant.nullable(),
});

/** That a version's value was destroyed in the key store. */
const certificate = z.strictObject({
  /** The exact text that was signed: JSON; docs/format/certificates.md. */
  signed: z.string().max(65_536),
  /** Ed25519, base64. */
  signature: z.base64(),
});

const destroyedVersion = z.strictObject({ version: versionFacts, certificate, copies: z.array(holdingPlace) });
export type DestroyedVersion = z.infer<typeof destroyedVersion>;

const shownVersion = z.strictObject({
  version: versionFacts,
  bindings: z.array(bindingFacts),
  needs: z.array(need),
  /** Null while it is not destroyed. */
  certificate: certificate.nullable(),
  /** Places whose copies of the key store hold it. */
  copies: z.array(holdingPlace),
});
export type ShownVersion = z.infer<typeof shownVersion>;

/** Keys and their versions. */
export const keyRoutes = routes({
  "key.add": {
    method: "POST",
    path: "/v1/keys",
    summary: "Adds a version to a key, and the key where there is none",
    askers: ["custodian"],
    input: z.strictObject({
      name: keyName,
      kind: valueKind,
      /** Null: 256 random bits are made, as text that can be typed. */
      value: z.base64().nullable(),
      note: text,
      activatesAt: instant.nullable(),
      expiresAt: instant.nullable(),
    }),
    reply: z.strictObject({ version: versionFacts }),
  },
  "key.list": {
    method: "GET",
    path: "/v1/keys",
    summary: "All keys; of each the versions that no other took the place of",
    askers: ["custodian", "auditor", "backup"],
    unaudited: true,
    input: z.strictObject({}),
    reply: z.strictObject({
      keys: z.array(
        z.strictObject({
          id,
          name: keyName,
          createdAt: instant,
          /** Those neither retired nor destroyed; where there is none, the newest. */
          versions: z.array(versionFacts),
          /** How many it has in all. */
          count,
        }),
      ),
    }),
  },
  "key.show": {
    method: "GET",
    path: "/v1/keys/:name",
    summary: "One key: its versions, what they open, what needs them",
    askers: ["custodian", "auditor"],
    unaudited: true,
    input: z.strictObject({ name: keyName }),
    reply: z.strictObject({ id, name: keyName, createdAt: instant, versions: z.array(shownVersion) }),
  },
  "key.set": {
    method: "PATCH",
    path: "/v1/versions/:version",
    summary: "Changes whether and when a version may be used, and its note; what is left out stays",
    askers: ["custodian"],
    input: z.strictObject({
      version: keyName,
      enabled: z.boolean().optional(),
      activatesAt: instant.nullable().optional(),
      expiresAt: instant.nullable().optional(),
      note: text.optional(),
    }),
    reply: z.strictObject({ version: versionFacts }),
  },
  "key.reveal": {
    method: "POST",
    path: "/v1/versions/:version/reveal",
    summary: "Gives a version's value to a person",
    askers: ["custodian"],
    secondPerson: true,
    input: z.strictObject({ version: versionName, reason }),
    reply: z.strictObject({ version: versionFacts, value: z.base64() }),
  },
  "key.delete": {
    method: "DELETE",
    path: "/v1/keys/:name",
    summary: "Deletes a version, or all of a key, until that is taken back",
    askers: ["custodian"],
    input: z.strictObject({ name: keyName }),
    reply: z.strictObject({
      /** Those that were not deleted before. */
      versions: z.array(versionFacts),
    }),
  },
  "key.recover": {
    method: "POST",
    path: "/v1/keys/:name/recover",
    summary: "Takes back that a version, or all of a key, were deleted",
    askers: ["custodian"],
    input: z.strictObject({ name: keyName }),
    reply: z.strictObject({
      /** Those that were deleted. */
      versions: z.array(versionFacts),
    }),
  },
  "key.purge": {
    method: "POST",
    path: "/v1/purge",
    summary: "Destroys the values of deleted versions: of all, or of none",
    askers: ["custodian"],
    secondPerson: true,
    input: z.strictObject({ versions: z.array(versionName).min(1).max(1000) }),
    reply: z.strictObject({
      versions: z.array(destroyedVersion),
      /** Why values may still be in pieces in the database file, in words; null when they are not. */
      notErased: text.nullable(),
    }),
  },
  "key.hold": {
    method: "POST",
    path: "/v1/holds",
    summary: "Holds a version for what no vault reports: a tape, a copy elsewhere",
    askers: ["custodian"],
    input: z.strictObject({
      version: keyName,
      reason,
      /** A forecast: only a release ends the hold. */
      expectedUntil: instant.nullable(),
    }),
    reply: z.strictObject({ hold: id, version: versionFacts }),
  },
  "key.release": {
    method: "DELETE",
    path: "/v1/holds/:hold",
    summary: "Ends a hold",
    askers: ["custodian"],
    input: z.strictObject({ hold: id }),
    reply: z.strictObject({}),
  },
});
