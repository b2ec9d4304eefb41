import * as z from "zod";

import { fromUtf8, utf8 } from "#bytes/text.ts";
import { LockstepError } from "#errors/errors.ts";
import {
  count,
  dataPart,
  diskId,
  diskVolumes,
  generationIdField,
  instant,
  keyringRef,
  knownKeyStore,
  pointId,
  receipt,
  root,
  segmentIdField,
  segmentKind,
  seqField,
  sessionIdField,
  sha256Hex,
  signature,
  slot,
  text,
  verdictFields,
} from "#vault/entry/entry-fields.ts";
import type { Entry, EntryDraft, EntryHead, SlotRanges } from "#vault/entry/entry.ts";
import { machineDefinition } from "#vault/entry/machine-definition.ts";

/** The longest object of a log entry that is read. */
export const ENTRY_LIMIT_BYTES = 16 * 1024 * 1024;

const headFields = {
  seq: seqField,
  previous: sha256Hex.nullable(),
  at: instant,
  host: text(255),
  program: text(64),
  keyring: keyringRef,
};

export const checkpointDisks = z.array(z.strictObject({ disk: diskId, sizeBytes: count, root })).max(256);

/** Fields of a point, in entries and in summaries. */
export const pointFields = {
  session: sessionIdField,
  point: pointId,
  capturedAt: instant,
  consistency: z.enum(["offline", "application", "crash", "torn"]),
  base: pointId.nullable(),
  disks: z
    .array(
      z.strictObject({
        disk: diskId,
        name: text(64),
        sizeBytes: count,
        root,
        capturedFrom: instant,
        capturedTo: instant,
        dataBytes: count,
      }),
    )
    .min(1)
    .max(256),
  body: z.strictObject({ sha256: sha256Hex }),
  readBytes: count,
  newBytes: count,
  storedBytes: count,
  unreadableBytes: count,
};

export const slotRanges: z.ZodType<SlotRanges> = z
  .array(z.tuple([slot, z.int().min(1).max(0x1_0000)]))
  .min(1)
  .max(0x8000)
  .refine(areRanges);

const slots = z.array(slot).max(0x1_0000);
const items = { kind: segmentKind, segment: segmentIdField };

/** Set in entries of types that a reader may pass over. */
const compatible = z.literal(true);

const drafts = {
  machine: { machine: machineDefinition },
  opened: {
    lane: z.enum(["backup", "maintenance"]),
    nonce: z.string().regex(/^[0-9a-f]{16}$/),
    base: pointId.nullable(),
    adopts: z.strictObject({ session: sessionIdField, checkpointSeq: seqField }).nullable(),
    closes: sessionIdField.nullable(),
  },
  checkpoint: { session: sessionIdField, disks: checkpointDisks },
  closed: { session: sessionIdField },
  point: pointFields,
  deleted: { point: pointId, by: z.enum(["rule", "person"]), reason: text(1024) },
  undeleted: { point: pointId, deletion: seqField },
  purged: { point: pointId, deletion: seqField, session: sessionIdField },
  replaced: {
    session: sessionIdField,
    disk: diskId,
    items: z
      .array(
        z.strictObject({
          ...items,
          from: generationIdField,
          to: generationIdField,
          heals: slots,
          drops: slots.optional(),
        }),
      )
      .max(65_536),
  },
  damaged: {
    disk: diskId,
    items: z.array(z.strictObject({ ...items, generation: generationIdField, slots: slotRanges })).max(65_536),
  },
  swept: {
    compatible,
    session: sessionIdField,
    disk: diskId,
    items: z.array(z.tuple([segmentKind, segmentIdField])).max(65_536),
  },
  volumes: {
    compatible,
    items: z.array(z.strictObject({ point: pointId, disks: diskVolumes })).max(65_536),
  },
  verdict: {
    compatible,
    items: z
      .array(z.strictObject({ point: pointId, ...verdictFields, signed: z.string().max(16_384), signature }))
      .max(65_536),
  },
  keystore: { compatible, ...knownKeyStore.shape },
  receipt: { compatible, receipt },
  checked: {
    compatible,
    points: z.array(pointId).max(100_000).nullable(),
    upTo: seqField,
    part: dataPart.nullable(),
    startedAt: instant,
    hurt: z.array(pointId).max(100_000),
  },
  keyring: keyringRef.shape,
  clock: { confirmedAt: instant },
} satisfies { [Type in EntryDraft["type"]]: z.ZodRawShape };

function schemaOf(fields: z.ZodRawShape, type: string): z.ZodType {
  return z.strictObject({ ...headFields, ...fields, type: z.literal(type) });
}

const schemas = new Map(Object.entries(drafts).map(([type, fields]) => [type, schemaOf(fields, type)]));
const unknownSchema = z.object({ ...headFields, type: text(64), compatible: z.boolean().optional() });

/**
 * The payload of an entry's object, before it is sealed: JSON in UTF-8.
 *
 * @throws {TypeError} when the entry breaks the format: a bug of who composed it
 */
export function writeEntry(entry: EntryHead & EntryDraft): Uint8Array {
  const bad = schemas.get(entry.type)?.safeParse(entry).error;
  if (bad !== undefined) throw new TypeError(`an entry of type "${entry.type}" breaks the format: ${bad.message}`);
  return utf8(JSON.stringify(entry));
}

/**
 * Parses the payload of an entry's object. Does not verify that it follows the entry before: see `readLog`.
 *
 * @param payload  as `openObject` gave it
 * @param what     names the entry, for messages
 * @throws {LockstepError} LOG_CORRUPT: not an entry of this format; VAULT_NEWER: of a type or with a field that a newer
 *   Lockstep added and that a reader must understand
 * @see docs/format/log.md
 */
export function parseEntry(payload: Uint8Array, what: string): Entry {
  const json = parseJson(payload, what);
  const head = unknownSchema.safeParse(json);
  if (!head.success) throw corrupt(what, head.error);
  const { type, compatible, ...fields } = head.data;
  const schema = schemas.get(type);
  if (schema === undefined) {
    if (compatible !== true) throw newer(what, `it is of type "${type}"`);
    const { seq, previous, at, host, program, keyring } = fields;
    return { seq, previous, at, host, program, keyring, type: "unknown" };
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data as Entry;
  const extra = parsed.error.issues.find((issue) => issue.code === "unrecognized_keys");
  if (extra !== undefined) throw newer(what, `its type "${type}" has the field "${extra.keys.join('", "')}"`);
  throw corrupt(what, parsed.error);
}

function parseJson(payload: Uint8Array, what: string): unknown {
  try {
    return JSON.parse(fromUtf8(payload));
  } catch (cause) {
    throw new LockstepError("LOG_CORRUPT", `${what} is not JSON in UTF-8`, { cause });
  }
}

function corrupt(what: string, error: z.ZodError): LockstepError {
  const issue = error.issues[0];
  const path = issue === undefined ? "" : issue.path.join(".");
  return new LockstepError("LOG_CORRUPT", `${what}: ${path === "" ? "it" : path}: ${issue?.message ?? "malformed"}`);
}

function newer(what: string, why: string): LockstepError {
  return new LockstepError("VAULT_NEWER", `${what} was written by a newer Lockstep: ${why}`, {
    hint: "Update Lockstep on this host.",
  });
}

function areRanges(ranges: readonly (readonly [number, number])[]): boolean {
  let free = 0;
  for (const [first, length] of ranges) {
    if (first < free || first + length > 0x1_0000) return false;
    free = first + length + 1;
  }
  return true;
}
