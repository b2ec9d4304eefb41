import * as z from "zod";

import { routes } from "#api/route.ts";
import { count, digest, id, instant, keyName, name, presentedHeader } from "#api/values.ts";

/**
 * What was shown of an encrypted volume of a point. An enum and nothing else: no label, no UUID, no byte of the plaintext.
 */
export const verdict = z.enum([
  // its header gave a volume key that the format's digest accepts, and checksummed structures of its file system are right
  "reads",
  // its header gave the volume key; what is inside has no checksums, is not known, or was not asked for
  "opens",
  // it opens, and what is inside is not right
  "opens, content damaged",
  // the header carries no protector that is bound to a version: changed, or never bound
  "not bound",
  // it is bound, and the version is disabled, not active yet, deleted or destroyed
  "version unusable",
  // the version that is bound does not open it
  "rejected",
  // the presented bytes are no header, or one that no key can open any more
  "header damaged",
  // nothing here opens such a volume
  "unsupported",
  // trying it costs more than is allowed
  "not tried",
]);
export type Verdict = z.infer<typeof verdict>;

/** A signed statement on one encrypted volume of a point. */
export const statement = z.strictObject({
  /** The exact text that was signed: JSON; docs/format/statements.md. */
  signed: z.string().max(16_384),
  /** Ed25519, base64. */
  signature: z.base64(),
});

/** What the signed text says. */
export const statementBody = z.strictObject({
  format: z.literal(1),
  store: id,
  epoch: count,
  vault: id,
  machine: id,
  point: id,
  disk: name,
  volume: name,
  verdict,
  /** The version that the verdict speaks of: `web01/v1`; null where none is bound, or none was looked for. */
  version: keyName.nullable(),
  at: instant,
  /** When a key was last derived for this header; null where none was. */
  derivedAt: instant.nullable(),
  /** Nothing was derived and nothing looked at now: verdict and structures are those of `derivedAt`. */
  carriedOver: z.boolean(),
  /** Null where the header could not be read. */
  volumeIdentity: digest.nullable(),
  headerDigest: digest.nullable(),
  /** SHA-256 over all bytes that were presented, and their places, in their order. */
  presented: digest,
  /** How many structures with checksums were right, and how many were looked at; 0 where what is inside has none. */
  structures: z.tuple([count, count]),
  /** The format's state was shown by no real sample: amber at most. */
  unproven: z.boolean(),
});
export type StatementBody = z.infer<typeof statementBody>;

const step = z.strictObject({
  proof: id,
  /** Offsets and lengths in the volume's place, ascending, to be read from the vault; empty once it is over. */
  wants: z.array(z.tuple([count, count])).max(1024),
  /** Null until it is over. */
  statement: statement.nullable(),
});

/** Proofs: a few rounds of "show me these bytes". */
export const proofRoutes = routes({
  "proof.begin": {
    method: "POST",
    path: "/v1/proofs",
    summary: "Presents an encrypted volume of a point to be opened",
    askers: ["backup"],
    input: z.strictObject({
      vault: id,
      machine: id,
      point: id,
      disk: name,
      volume: name,
      header: presentedHeader,
      /** Derive anew although a proof of the same header could be carried over. */
      anew: z.boolean(),
    }),
    reply: step,
  },
  "proof.show": {
    method: "POST",
    path: "/v1/proofs/:proof",
    summary: "Gives the bytes that were asked for, in their order",
    askers: ["backup"],
    unaudited: true,
    /** Null stands for a piece that cannot be read from the vault. */
    input: z.strictObject({ proof: id, pieces: z.array(z.base64().nullable()).max(1024) }),
    reply: step,
  },
  "proof.list": {
    method: "GET",
    path: "/v1/vaults/:vault/machines/:machine/proofs",
    summary: "The latest statement on each encrypted volume of a machine's points",
    askers: ["custodian", "auditor", "backup"],
    unaudited: true,
    input: z.strictObject({ vault: id, machine: id }),
    reply: z.strictObject({ statements: z.array(statement) }),
  },
});
