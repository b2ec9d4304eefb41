import { isLockstepError } from "#errors/errors.ts";
import type { ErrorCode, LockstepError } from "#errors/errors.ts";
import type { PlainContent } from "#volume/content.ts";
import { countedSource } from "#volume/counted-source.ts";
import type { EncryptedHeader } from "#volume/encrypted-header.ts";
import type { LogicalVolume } from "#volume/filesystem/recognised.ts";
import type { Partition, PartitionTable } from "#volume/partition-table.ts";
import { partOf, readUpTo } from "#volume/source.ts";
import type { Place, VolumeSource } from "#volume/source.ts";
import { stretchedSource } from "#volume/stretched-source.ts";
import type { EncryptedVolume } from "#volume/volume.ts";

/** A volume of a disk: a partition, the whole disk, or a logical volume in one of them. */
export type MappedVolume = {
  /** The partition's number, or `disk`; for a logical volume that of its physical one, a slash and its name. */
  readonly name: string;
  /** Where it lies on the disk: one stretch, or for a logical volume perhaps several; none where that is not known. */
  readonly stretches: readonly Place[];
  readonly sizeBytes: number;
  readonly partition: Partition | null;
  readonly logical: LogicalVolume | null;
  /** What its encryption header says; null where it has none. */
  readonly encrypted: EncryptedVolume | null;
  /** What is on it as it is; null where it is encrypted, or cannot be looked at. */
  readonly content: PlainContent | null;
  /** Why it could not be looked at: its header is damaged, say; null when it was. */
  readonly failure: { readonly code: ErrorCode; readonly message: string } | null;
};

/** What is on a disk. Plain data, and nothing in it is secret. */
export type VolumeMap = {
  readonly sizeBytes: number;
  readonly table: Pick<PartitionTable, "kind" | "sectorBytes" | "problems"> | null;
  readonly volumes: readonly MappedVolume[];
  /** How little of the disk was read for this. */
  readonly readBytes: number;
};

/** An encrypted volume's header, and the place that it is read from. */
export type FoundHeader = { readonly header: EncryptedHeader; readonly source: VolumeSource };

export type Inspection = {
  readonly map: VolumeMap;
  /** Of the encrypted volumes, by their names in the map. */
  readonly headers: ReadonlyMap<string, FoundHeader>;
};

/** More logical volumes than this in one physical volume are not looked into. */
const MAX_LOGICAL_VOLUMES = 256;

type HeaderReader = (source: VolumeSource, signal: AbortSignal) => Promise<EncryptedHeader | null>;

// What looks at a disk is loaded when it is needed first: few disks have something of all kinds, and a command that looks at
// one is over in less time than loading everything takes.
const loadLuks1 = async (): Promise<HeaderReader> => (await import("#volume/luks1-header.ts")).readLuks1;
const loadLuks2 = async (): Promise<HeaderReader> => (await import("#volume/luks2-header.ts")).readLuks2;
const loadBitlocker = async (): Promise<HeaderReader> => (await import("#volume/bitlocker-header.ts")).readBitlocker;

const LUKS_MAGIC = [0x4c, 0x55, 0x4b, 0x53, 0xba, 0xbe];

/**
 * Finds the volumes of a disk and says what each is: encrypted how and opened by what, or holding what.
 *
 * An encryption header at the very start counts before a partition table, since making it leaves nothing of one; a table
 * counts before the second copies of headers, which may be remains. What is damaged is said of that volume; the others are
 * looked at all the same. A partition table that is damaged past reading is said of the disk, and nothing on it is guessed.
 *
 * @throws {LockstepError} what the source throws: DISK_UNREADABLE, CANCELLED
 */
export async function inspect(source: VolumeSource, signal: AbortSignal): Promise<Inspection> {
  const counted = countedSource(source);
  const headers = new Map<string, FoundHeader>();
  const volumes: MappedVolume[] = [];
  const whole = { name: "disk", stretches: [{ offsetBytes: 0, lengthBytes: source.sizeBytes }], partition: null };
  const table = (await startsEncrypted(counted, signal)) ? null : await readTable(counted, signal);
  if (isLockstepError(table)) {
    const failure = { code: table.code, message: table.message };
    volumes.push({ ...whole, logical: null, sizeBytes: source.sizeBytes, encrypted: null, content: null, failure });
    return { map: { sizeBytes: source.sizeBytes, table: null, volumes, readBytes: counted.readBytes }, headers };
  }
  if (table === null || table.partitions.length === 0) {
    volumes.push(...(await lookAt(counted, { ...whole, logical: null }, headers, signal)));
  }
  for (const partition of table?.partitions ?? []) {
    const found = { name: String(partition.number), stretches: [partition.place], partition, logical: null };
    volumes.push(...(await lookAt(partOf(counted, partition.place), found, headers, signal)));
  }
  const shown = table === null ? null : { kind: table.kind, sectorBytes: table.sectorBytes, problems: table.problems };
  return { map: { sizeBytes: source.sizeBytes, table: shown, volumes, readBytes: counted.readBytes }, headers };
}

/** The partition table; null where there is none; why it cannot be read where there is one. */
async function readTable(source: VolumeSource, signal: AbortSignal): Promise<PartitionTable | LockstepError | null> {
  const { readPartitionTable } = await import("#volume/partition-table.ts");
  try {
    return await readPartitionTable(source, signal);
  } catch (error) {
    if (isLockstepError(error, "HEADER_CORRUPT", "FIELD_CORRUPT", "VOLUME_UNSUPPORTED")) return error;
    throw error;
  }
}

/** Whether a LUKS or BitLocker header is at the very start. */
async function startsEncrypted(source: VolumeSource, signal: AbortSignal): Promise<boolean> {
  const head = await readUpTo(source, 0, 512, signal);
  if (LUKS_MAGIC.every((byte, at) => head[at] === byte)) return true;
  const readBitlocker = await loadBitlocker();
  try {
    return (await readBitlocker(source, signal)) !== null;
  } catch (error) {
    if (isLockstepError(error, "HEADER_CORRUPT", "FIELD_CORRUPT", "VOLUME_UNSUPPORTED")) return true;
    throw error;
  }
}

type Found = Pick<MappedVolume, "name" | "stretches" | "partition" | "logical">;

/** One volume, and the logical volumes in it. */
async function lookAt(
  source: VolumeSource,
  found: Found,
  headers: Map<string, FoundHeader>,
  signal: AbortSignal,
): Promise<readonly MappedVolume[]> {
  const volume = { ...found, sizeBytes: source.sizeBytes, encrypted: null, content: null, failure: null };
  try {
    for (const load of [loadLuks1, loadLuks2, loadBitlocker]) {
      const read = await load();
      const header = await read(source, signal);
      if (header === null) continue;
      headers.set(found.name, { header, source });
      return [{ ...volume, encrypted: header.facts }];
    }
    const { readContent } = await import("#volume/content.ts");
    const content = await readContent(source, signal);
    const inside = content.kind === "lvm" ? (content.lvm?.logicalVolumes ?? []) : [];
    const logical = inside.filter(({ visible }) => visible).slice(0, MAX_LOGICAL_VOLUMES);
    const within: MappedVolume[] = [];
    for (const one of logical) within.push(...(await lookAtLogical(source, found, one, headers, signal)));
    return [{ ...volume, content }, ...within];
  } catch (error) {
    if (!isLockstepError(error, "HEADER_CORRUPT", "FIELD_CORRUPT", "VOLUME_UNSUPPORTED", "DISK_UNREADABLE"))
      throw error;
    return [{ ...volume, failure: { code: error.code, message: error.message } }];
  }
}

async function lookAtLogical(
  source: VolumeSource,
  physical: Found,
  logical: LogicalVolume,
  headers: Map<string, FoundHeader>,
  signal: AbortSignal,
): Promise<readonly MappedVolume[]> {
  const name = `${physical.name}/${logical.name}`;
  const start = physical.stretches[0]?.offsetBytes ?? 0;
  const isNested = physical.logical !== null;
  if (logical.stretches === null || isNested) {
    const why = logical.reason ?? "it lies in a logical volume";
    const failure = { code: "VOLUME_UNSUPPORTED", message: `logical volume ${logical.name}: ${why}` } as const;
    const unknown = { encrypted: null, content: null, failure };
    return [{ name, stretches: [], sizeBytes: logical.sizeBytes ?? 0, partition: null, logical, ...unknown }];
  }
  const stretches = logical.stretches.map((place) => ({ ...place, offsetBytes: start + place.offsetBytes }));
  const found = { name, stretches, partition: null, logical };
  return lookAt(stretchedSource(source, logical.stretches), found, headers, signal);
}
