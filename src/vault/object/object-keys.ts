import type { ObjectKey } from "#store/contract.ts";
import { hex32, isGenerationId, isSegmentId } from "#vault/object/ids.ts";
import type { DiskId, GenerationId, MachineId, PointId, SegmentId } from "#vault/object/ids.ts";

/** The two kinds of segments: sealed blocks of a disk, and sealed nodes of its block trees. */
export type SegmentKind = "data" | "nodes";

/** Where everything in a vault lies. docs/format/vault.md, "Objects". */
export const objectKeys = {
  vault: "vault.json",
  keyringPrefix: "keyring/",
  keyring: (generation: number): ObjectKey => `keyring/${hex32(generation)}`,
  rosterPrefix: "roster/",
  roster: (machine: MachineId): ObjectKey => `roster/${machine}`,
  logPrefix: (machine: MachineId): ObjectKey => `machines/${machine}/log/`,
  logEntry: (machine: MachineId, seq: number): ObjectKey => `machines/${machine}/log/${hex32(seq)}`,
  summaryPrefix: (machine: MachineId): ObjectKey => `machines/${machine}/summaries/`,
  summary: (machine: MachineId, seq: number): ObjectKey => `machines/${machine}/summaries/${hex32(seq)}`,
  pointPrefix: (machine: MachineId): ObjectKey => `machines/${machine}/points/`,
  /** The session that wrote a body is in its name, so that a sweep knows what a dead session left. */
  point: (machine: MachineId, session: string, point: PointId): ObjectKey =>
    `machines/${machine}/points/${session}-${point}`,
  disksPrefix: (machine: MachineId): ObjectKey => `machines/${machine}/disks/`,
  diskPrefix: (machine: MachineId, disk: DiskId): ObjectKey => `machines/${machine}/disks/${disk}/`,
  segmentPrefix: (machine: MachineId, disk: DiskId, kind: SegmentKind): ObjectKey =>
    `machines/${machine}/disks/${disk}/${kind}/`,
  segment: (machine: MachineId, disk: DiskId, kind: SegmentKind, id: SegmentId, generation: GenerationId): ObjectKey =>
    `machines/${machine}/disks/${disk}/${kind}/${id}.${generation}`,
  /** Where the second copy of a small object lies on stores of one disk. */
  copy: (key: ObjectKey): ObjectKey => `copies/${key}`,
} as const;

/** Whether a key is that of a second copy. */
export function isCopy(key: ObjectKey): boolean {
  return key.startsWith(objectKeys.copy(""));
}

/** The segment and generation in an object's key; null when the key names none. */
export function parseSegmentKey(key: ObjectKey): { id: SegmentId; generation: GenerationId } | null {
  const name = key.slice(key.lastIndexOf("/") + 1);
  const dot = name.indexOf(".");
  const id = name.slice(0, dot);
  const generation = name.slice(dot + 1);
  return dot > 0 && isSegmentId(id) && isGenerationId(generation) ? { id, generation } : null;
}

/** The number at the end of a log entry's, summary's or keyring's key; null when there is none. */
export function parseSeqKey(key: ObjectKey): number | null {
  const name = key.slice(key.lastIndexOf("/") + 1);
  return /^[0-9a-f]{8}$/.test(name) ? Number.parseInt(name, 16) : null;
}
