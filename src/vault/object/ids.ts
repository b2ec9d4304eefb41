import { fromHex, hex } from "#bytes/text.ts";
import type { Random } from "#crypto/derive.ts";
import { LockstepError } from "#errors/errors.ts";

declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

/** 16 random bytes as 32 lower-case hex digits. */
export type VaultId = Branded<"VaultId">;
/** 16 random bytes as 32 lower-case hex digits. */
export type MachineId = Branded<"MachineId">;
/** 16 random bytes as 32 lower-case hex digits. */
export type DiskId = Branded<"DiskId">;
/** 16 random bytes as 32 lower-case hex digits. */
export type PointId = Branded<"PointId">;
/** Number of the session's open entry (8 hex digits), "-", 8 random bytes (16 hex digits). */
export type SessionId = Branded<"SessionId">;
/** The session that wrote the segment, "-", a counter in it (8 hex digits). */
export type SegmentId = Branded<"SegmentId">;
/**
 * Which object holds a segment: "0" for the first one, else the session that wrote it, "-", 16 random bytes
 * (32 hex digits).
 */
export type GenerationId = Branded<"GenerationId">;

/** A fresh random id. */
export function newId<T extends VaultId | MachineId | DiskId | PointId>(random: Random): T {
  return hex(random(16)) as T;
}

/** Checks text from outside. @throws {LockstepError} FIELD_CORRUPT, naming `what` */
export function parseId<T extends VaultId | MachineId | DiskId | PointId>(text: string, what: string): T {
  if (!/^[0-9a-f]{32}$/.test(text))
    throw new LockstepError("FIELD_CORRUPT", `${what}: "${text}" is not an id (32 hex digits)`);
  return text as T;
}

/** The 16 bytes of an id. */
export function idBytes(id: VaultId | MachineId | DiskId | PointId): Uint8Array {
  const bytes = fromHex(id);
  if (bytes?.length !== 16) throw new LockstepError("FIELD_CORRUPT", `"${id}" is not an id (32 hex digits)`);
  return bytes;
}

/** The id of the session whose open entry is log entry `seq`. @param nonce 8 random bytes */
export function sessionId(seq: number, nonce: Uint8Array): SessionId {
  return `${hex32(seq)}-${hex(nonce)}` as SessionId;
}

export function segmentId(session: SessionId, counter: number): SegmentId {
  return `${session}-${hex32(counter)}` as SegmentId;
}

/** The generation that a segment is born with. */
export const firstGeneration = "0" as GenerationId;

/** A later generation. @param nonce 16 random bytes */
export function generationId(session: SessionId, nonce: Uint8Array): GenerationId {
  return `${session}-${hex(nonce)}` as GenerationId;
}

const session = /^[0-9a-f]{8}-[0-9a-f]{16}/;

/** The session that wrote a segment. */
export function sessionOfSegment(segment: SegmentId): SessionId {
  return segment.slice(0, 25) as SessionId;
}

/** The session that wrote a generation of a segment. */
export function sessionOfGeneration(segment: SegmentId, generation: GenerationId): SessionId {
  return generation === firstGeneration ? sessionOfSegment(segment) : (generation.slice(0, 25) as SessionId);
}

/** Number of the log entry that opened a session. */
export function seqOfSession(id: SessionId): number {
  return Number.parseInt(id.slice(0, 8), 16);
}

export function isSessionId(text: string): text is SessionId {
  return text.length === 25 && session.test(text);
}

export function isSegmentId(text: string): text is SegmentId {
  return text.length === 34 && session.test(text) && /^-[0-9a-f]{8}$/.test(text.slice(25));
}

export function isGenerationId(text: string): text is GenerationId {
  return (
    text === firstGeneration || (text.length === 58 && session.test(text) && /^-[0-9a-f]{32}$/.test(text.slice(25)))
  );
}

/** A u32 as 8 hex digits, so that names sort by number. */
export function hex32(value: number): string {
  return value.toString(16).padStart(8, "0");
}
