import * as z from "zod";

import { fromUtf8, hex, utf8 } from "#bytes/text.ts";
import { sha256 } from "#crypto/derive.ts";
import { LockstepError } from "#errors/errors.ts";
import type { ObjectKey } from "#store/contract.ts";
import { putDefinite } from "#store/definite.ts";
import { count, diskId, pointId } from "#vault/entry/entry-fields.ts";
import { machineDefinition } from "#vault/entry/machine-definition.ts";
import type { PointState } from "#vault/fold/fold.ts";
import { firstGood } from "#vault/object/first-good.ts";
import type { MachineId, SessionId } from "#vault/object/ids.ts";
import { objectKeys } from "#vault/object/object-keys.ts";
import { openObject, sealObject } from "#vault/object/sealed.ts";
import type { Vault } from "#vault/vault.ts";

/** The longest body of a point that is read. */
export const BODY_LIMIT_BYTES = 64 * 1024 * 1024;

/**
 * What a disk's volumes are, and the header bytes that an unlock needs. The map's shape is that of `format`, and nothing in
 * the vault depends on it.
 */
const bodyVolumes = z.strictObject({
  format: z.int().positive(),
  /** Null where the disk could not be looked at. */
  map: z.json(),
  /** Of encrypted volumes: name, and pieces of the header: offset in the volume, bytes in base64. */
  headers: z
    .array(z.strictObject({ volume: z.string().max(512), ranges: z.array(z.tuple([count, z.base64()])).max(1024) }))
    .max(1024),
  /** What could not be looked at or stored, in words; null when all was. */
  failure: z.string().max(4096).nullable(),
});

/** See `PointBody`. */
export type BodyVolumes = z.infer<typeof bodyVolumes>;

const body = z.strictObject({
  point: pointId,
  /** The machine's definition when the point was taken. */
  machine: machineDefinition,
  disks: z
    .array(
      z.strictObject({
        disk: diskId,
        /** How changes were found. */
        changes: z.enum(["scan", "ranges"]),
        /** Offset and length in bytes of what the medium refused to give; stored as zeros. */
        unreadable: z.array(z.tuple([count, count])).max(1_000_000),
        /** Why the disk's copy is torn, in words; null when it is not. */
        torn: z.string().max(4096).nullable(),
        /** Absent in points of programs that did not look. */
        volumes: bodyVolumes.optional(),
      }),
    )
    .max(256),
});

/** What a point holds besides its entry in the log. docs/format/vault.md, "Point bodies". */
export type PointBody = z.infer<typeof body>;

/**
 * Stores a point's body, durable when it resolves, and gives the SHA-256 (hex) that the point's entry names it by.
 *
 * @throws {LockstepError} OBJECT_CONFLICT, and what the store throws
 */
export async function storeBody(
  vault: Vault,
  machine: MachineId,
  session: SessionId,
  content: PointBody,
  signal: AbortSignal,
): Promise<string> {
  const key = objectKeys.point(machine, session, content.point);
  const bytes = sealObject(vault.keyring.keys, "body", key, utf8(JSON.stringify(body.parse(content))), vault.random);
  for (const place of vault.store.traits.singleDisk ? [key, objectKeys.copy(key)] : [key]) {
    if ((await putDefinite(vault.store, place, [bytes], {}, vault.retry, signal)) !== "mine") {
      throw new LockstepError("OBJECT_CONFLICT", `${place} exists already, with other bytes.`);
    }
  }
  return hex(sha256(bytes));
}

/**
 * Reads a point's body, from its second copy where need be.
 *
 * @throws {LockstepError} OBJECT_MISSING, OBJECT_CORRUPT: neither is what the log names; POINT_GONE is the caller's to see
 */
export async function readBody(
  vault: Vault,
  machine: MachineId,
  state: Pick<PointState, "point" | "session" | "body">,
  signal: AbortSignal,
): Promise<PointBody> {
  const key = objectKeys.point(machine, state.session, state.point);
  let fault = new LockstepError("OBJECT_MISSING", `${key} is missing, and so is its copy.`);
  const accept = (bytes: Uint8Array, place: ObjectKey): PointBody | null => {
    if (hex(sha256(bytes)) !== state.body.sha256) {
      fault = new LockstepError(
        "OBJECT_CORRUPT",
        `${place} is not what the log names as the body of point ${state.point}.`,
      );
      return null;
    }
    const parsed = body.safeParse(JSON.parse(fromUtf8(openObject(vault.keyring.keys, "body", key, bytes))));
    if (parsed.success && parsed.data.point === state.point) return parsed.data;
    fault = new LockstepError("OBJECT_CORRUPT", `${place} holds no body of point ${state.point}.`);
    return null;
  };
  const found = await firstGood(vault.store, [key, objectKeys.copy(key)], BODY_LIMIT_BYTES, accept, signal);
  if (found === null) throw fault;
  return found;
}
