import * as z from "zod";

import { count, diskId, instant, text } from "#vault/entry/entry-fields.ts";
import type { DiskId } from "#vault/object/ids.ts";

/** How a disk is told from another one at the same path. */
export type DiskIdentityRecord = {
  /** What it is: "file" or "block", and other words as other sources come. */
  readonly kind: string;
  readonly stableId: string | null;
  readonly sizeBytes: number;
  readonly layoutHash: string | null;
};

/** A disk of a machine. Its id stays when its path, name or identity changes. */
export type DiskDefinition = {
  readonly id: DiskId;
  readonly name: string;
  readonly path: string;
  /** The host that reaches it at that path. */
  readonly host: string;
  readonly blockBytes: number;
  readonly identity: DiskIdentityRecord;
  /** RFC 3339, UTC. */
  readonly addedAt: string;
  /** Set once the disk is no longer backed up; its points stay. */
  readonly removedAt?: string | undefined;
};

/** What is backed up, how often, and what is kept. */
export type MachineDefinition = {
  readonly name: string;
  /** Also the removed ones, which points still refer to. */
  readonly disks: readonly DiskDefinition[];
  /** A keep rule in its text form; empty keeps all. */
  readonly keep: string;
  /** The interval at which points are expected, in hours, above 0. */
  readonly everyHours: number;
  /** In which the keep rule's days and months are counted: an IANA name. */
  readonly timeZone: string;
  /** False once the machine is no longer backed up; its points stay. */
  readonly protected: boolean;
};

const diskIdentity = z.strictObject({
  kind: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/),
  stableId: text(512).nullable(),
  sizeBytes: count,
  layoutHash: z
    .string()
    .regex(/^[0-9a-f]{1,128}$/)
    .nullable(),
});

const diskDefinition = z.strictObject({
  id: diskId,
  name: text(64).min(1),
  path: text(4096).min(1),
  host: text(255),
  blockBytes: z
    .int()
    .min(4096)
    .max(4 * 1024 * 1024)
    .refine(isPowerOfTwo),
  identity: diskIdentity,
  addedAt: instant,
  removedAt: instant.optional(),
});

/** The whole definition as entries of type "machine" carry it. docs/format/log.md, "machine". */
export const machineDefinition: z.ZodType<MachineDefinition> = z.strictObject({
  name: text(64).min(1),
  disks: z
    .array(diskDefinition)
    .max(256)
    .refine((disks) => new Set(disks.map((disk) => disk.id)).size === disks.length),
  keep: text(512),
  everyHours: z.number().positive().max(100_000),
  timeZone: text(64).min(1),
  protected: z.boolean(),
});

function isPowerOfTwo(value: number): boolean {
  return (value & (value - 1)) === 0;
}
