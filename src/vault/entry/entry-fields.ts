import * as z from "zod";

import { isGenerationId, isSegmentId, isSessionId } from "#vault/object/ids.ts";
import type { DiskId, GenerationId, PointId, SegmentId, SessionId } from "#vault/object/ids.ts";

/*
 * The fields that log entries, summaries and the roster are made of. docs/format/log.md, "Types". Every length is capped,
 * so that no entry of a hostile writer makes its reader allocate more than the entry's own bytes.
 */

function id<T extends string>(): z.ZodType<T> {
  return z.string().regex(/^[0-9a-f]{32}$/) as unknown as z.ZodType<T>;
}

export const diskId = id<DiskId>();
export const pointId = id<PointId>();
export const sessionIdField = z.custom<SessionId>((text) => typeof text === "string" && isSessionId(text));
export const segmentIdField = z.custom<SegmentId>((text) => typeof text === "string" && isSegmentId(text));
export const generationIdField = z.custom<GenerationId>((text) => typeof text === "string" && isGenerationId(text));
export const segmentKind = z.enum(["data", "nodes"]);

export const sha256Hex = z.string().regex(/^[0-9a-f]{64}$/);
export const seqField = z.int().min(1).max(0xffff_ffff);
export const count = z.int().min(0);
export const slot = z.int().min(0).max(0xffff);

/** Text for people: no control characters, so that it is safe to print. */
export function text(limit: number): z.ZodString {
  return z
    .string()
    .max(limit)
    .regex(/^\P{Cc}*$/u);
}

/** An instant in UTC (RFC 3339, section 5.6, with "Z"), up to nanoseconds. */
export const instant = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?Z$/)
  .refine(isInstant);

/** Of a day that every month has, within the day: such text needs no calendar to be an instant. */
const plainInstant = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d[.Z]/;

function isInstant(value: string): boolean {
  if (plainInstant.test(value)) return true;
  try {
    Temporal.Instant.from(value);
    return true;
  } catch {
    return false; // such as a 30th of February
  }
}

/** The root of a block tree, which the log only carries: base64; null for a disk of zeros. */
export const root = z
  .string()
  .max(128)
  .regex(/^[A-Za-z0-9+/]{4,}={0,2}$/)
  .refine(({ length }) => length % 4 === 0)
  .nullable();

/** Ed25519 signature in base64. */
export const signature = z.base64().length(88);

/** What of a point's disks is encrypted. */
export const diskVolumes = z
  .array(
    z.strictObject({
      disk: diskId,
      encrypted: z
        .array(
          z.strictObject({
            name: text(512),
            format: z.enum(["luks1", "luks2", "bitlocker"]),
            identity: sha256Hex,
            headerDigest: sha256Hex,
            protectors: z.array(sha256Hex).max(1024),
          }),
        )
        .max(4096)
        .nullable(),
      unknown: z.array(text(512)).max(4096),
    }),
  )
  .max(256);

/** The fields of a verdict, in entries and in summaries. */
export const verdictFields = {
  disk: diskId,
  volume: text(512),
  verdict: text(64),
  version: text(256).nullable(),
  at: instant,
  derivedAt: instant.nullable(),
  unproven: z.boolean(),
};

/** The key store whose word counts, in entries and in summaries. */
export const knownKeyStore = z.strictObject({
  store: z.string().regex(/^[0-9a-f]{32}$/),
  signingKey: z.base64().length(44),
  proofDays: z.int().min(1).max(366),
});

export const receipt = z.strictObject({
  store: z.string().regex(/^[0-9a-f]{32}$/),
  epoch: count,
  at: instant,
  auditSeq: count,
  auditHash: sha256Hex,
  copy: count,
  signature,
});

/** Which of how many parts of the data. A fold keeps one finding of each, so there must not be many. */
export const MOST_PARTS = 100;
export const dataPart = z.tuple([z.int().min(1), z.int().min(1).max(MOST_PARTS)]).refine(([part, of]) => part <= of);

export const keyringRef = z.strictObject({ generation: count, hash: sha256Hex });
/** A generation of the keyring: its number and the hash of its object. */
export type KeyringRef = Readonly<z.infer<typeof keyringRef>>;
