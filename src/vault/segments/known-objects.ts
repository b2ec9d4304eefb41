import type { ObjectKey } from "#store/contract.ts";
import { isSessionId } from "#vault/object/ids.ts";
import type { DiskId, GenerationId, MachineId, PointId, SegmentId, SessionId } from "#vault/object/ids.ts";
import { objectKeys, parseSegmentKey, parseSeqKey } from "#vault/object/object-keys.ts";
import type { SegmentKind } from "#vault/object/object-keys.ts";

/** A generation of a segment, by its name. */
export type SegmentObject = {
  readonly what: "segment";
  readonly machine: MachineId;
  readonly disk: DiskId;
  readonly kind: SegmentKind;
  readonly segment: SegmentId;
  readonly generation: GenerationId;
};

/** A point's body, by its name. */
export type BodyObject = {
  readonly what: "body";
  readonly machine: MachineId;
  readonly session: SessionId;
  readonly point: PointId;
};

/** What an object's key says that it is. */
export type KnownObject =
  | { readonly what: "vault" }
  | { readonly what: "keyring" }
  | { readonly what: "keystore" }
  | { readonly what: "roster"; readonly machine: MachineId }
  | { readonly what: "entry" | "summary"; readonly machine: MachineId; readonly seq: number }
  | BodyObject
  | SegmentObject;

const id = /^[0-9a-f]{32}$/;
const COPIES = objectKeys.copy("");
/** A copy of a key store, or the claim of one of its epochs: not the vault's own, and nothing in it depends on them. */
const keyStoreObject = /^keystore\/(epoch-[0-9a-f]{8}|[0-9a-f]{8}-[0-9a-f]{8})$/;

/**
 * Says what an object is, by its key alone; null when no object of a vault has such a key. A second copy is what the
 * object is: see `isCopyKey`.
 */
export function parseObjectKey(key: ObjectKey): KnownObject | null {
  if (keyStoreObject.test(key)) return { what: "keystore" };
  const parts = (isCopyKey(key) ? key.slice(COPIES.length) : key).split("/");
  const [top, second = ""] = parts;
  if (top === objectKeys.vault && parts.length === 1) return { what: "vault" };
  if (top === "keyring" && parts.length === 2 && parseSeqKey(second) !== null) return { what: "keyring" };
  if (!id.test(second)) return null;
  const machine = second as MachineId;
  if (top === "roster" && parts.length === 2) return { what: "roster", machine };
  return top === "machines" ? parseMachineKey(machine, parts.slice(2)) : null;
}

/** True for the key of a second copy. */
export function isCopyKey(key: ObjectKey): boolean {
  return key.startsWith(COPIES);
}

function parseMachineKey(machine: MachineId, parts: readonly string[]): KnownObject | null {
  const [folder = "", name = "", kind = "", segmentName = ""] = parts;
  if (folder === "disks") {
    const named = parts.length === 4 ? parseSegmentKey(segmentName) : null;
    if (named === null || !id.test(name) || (kind !== "data" && kind !== "nodes")) return null;
    const { id: segment, generation } = named;
    return { what: "segment", machine, disk: name as DiskId, kind, segment, generation };
  }
  if (parts.length !== 2) return null;
  if (folder === "points") return parseBodyName(machine, name);
  const seq = parseSeqKey(name);
  if (seq === null) return null;
  if (folder === "log") return { what: "entry", machine, seq };
  return folder === "summaries" ? { what: "summary", machine, seq } : null;
}

function parseBodyName(machine: MachineId, name: string): BodyObject | null {
  const session = name.slice(0, 25);
  const point = name.slice(26);
  if (!isSessionId(session) || name[25] !== "-" || !id.test(point)) return null;
  return { what: "body", machine, session, point: point as PointId };
}
