import { isLockstepError } from "#errors/errors.ts";
import type { ErrorCode, LockstepError } from "#errors/errors.ts";
import type { PlainContent } from "#volume/content.ts";
import type { LogicalVolume } from "#volume/filesystem/recognised.ts";
import type { EncryptedHeader } from "#volume/header/encrypted-header.ts";
import type { EncryptedVolume } from "#volume/header/volume.ts";
import type { Partition, PartitionTable } from "#volume/partitions/partition-table.ts";
import { countedSource } from "#volume/source/counted-source.ts";
import type { CountedSource } from "#volume/source/counted-source.ts";
import { partOf, readUpTo } from "#volume/source/source.ts";
import type { Place, VolumeSource } from "#volume/source/source.ts";
import { stretchedSource } from "#volume/source/stretched-source.ts";

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
  /** What the volumes failed with that could not be looked at, by their names: with hints, which the map does not have. */
  readonly failures: ReadonlyMap<string, LockstepError>;
};

/** More logical volumes than this of a disk are not looked into. */
const MAX_LOGICAL_VOLUMES = 256;
/** When so much was read of a disk, the volumes that are left are not looked at: a guest may make very many. */
const MAX_READ_BYTES = 192 * 1024 * 1024;

/** What a look at a disk has come to. */
type Looking = {
  readonly disk: CountedSource;
  readonly headers: Map<string, FoundHeader>;
  readonly failures: Map<string, LockstepError>;
  logicalVolumes: number;
};

type HeaderReader = (source: VolumeSource, signal: AbortSignal) => Promise<EncryptedHeader | null>;

// What looks at a disk is loaded when it is needed first: few disks have something of all kinds, and a command that looks at
// one is over in less time than loading everything takes.
const loadLuks1 = async (): Promise<HeaderReader> => (await import("#volume/luks1/header.ts")).readLuks1;
const loadLuks2 = async (): Promise<HeaderReader> => (await import("#volume/luks2/header.ts")).readLuks2;
const loadBitlocker = async (): Promise<HeaderReader> => (await import("#volume/bitlocker/header.ts")).readBitlocker;

const LUKS_MAGIC = [0x4c, 0x55, 0x4b, 0x53, 0xba, 0xbe];

/**
 * Finds the volumes of a disk and says what each is: encrypted how and opened by what, or holding what.
 *
 * An encryption header at the very start counts before a partition table, since making it leaves nothing of one; a table
 * counts before a LUKS header that it was written over, and before the second copies of headers, which may be remains. What
 * is damaged is said of that volume; the others are looked at all the same. A partition table that is damaged past reading is
 * said of the disk, and nothing on it is guessed.
 *
 * @throws {LockstepError} what the source throws: DISK_UNREADABLE, CANCELLED
 */
export async function inspect(source: VolumeSource, signal: AbortSignal): Promise<Inspection> {
  const disk = countedSource(source);
  const looking: Looking = { disk, headers: new Map(), failures: new Map(), logicalVolumes: 0 };
  const { sizeBytes } = source;
  const whole = {
    name: "disk",
    stretches: [{ offsetBytes: 0, lengthBytes: sizeBytes }],
    partition: null,
    logical: null,
  };
  const table = await findTable(disk, signal);
  const volumes: MappedVolume[] = [];
  if (isLockstepError(table)) {
    looking.failures.set(whole.name, table);
    volumes.push(failed({ ...whole, sizeBytes }, table));
  } else if (table === null || table.partitions.length === 0) {
    volumes.push(...(await lookAt(disk, whole, looking, signal)));
  } else {
    for (const partition of table.partitions) {
      const found = { name: String(partition.number), stretches: [partition.place], partition, logical: null };
      volumes.push(...(await lookAt(partOf(disk, partition.place), found, looking, signal)));
    }
  }
  const map = { sizeBytes, table: shownTable(table), volumes, readBytes: disk.readBytes };
  return { map, headers: looking.headers, failures: looking.failures };
}

function shownTable(table: PartitionTable | LockstepError | null): VolumeMap["table"] {
  if (table === null || isLockstepError(table)) return null;
  const { kind, sectorBytes, problems } = table;
  return { kind, sectorBytes, problems };
}

/** As `readTable`; null also where an encrypted volume takes the whole disk. */
async function findTable(source: VolumeSource, signal: AbortSignal): Promise<PartitionTable | LockstepError | null> {
  const head = await readUpTo(source, 0, 512, signal);
  if (LUKS_MAGIC.every((byte, at) => head[at] === byte)) {
    return head[510] === 0x55 && head[511] === 0xaa ? findTableOverLuks(source, signal) : null;
  }
  return (await startsWithBitlocker(source, signal)) ? null : readTable(source, signal);
}

/** A table that was written over a LUKS header, of which the magic is left; null where there is none, or the header is good. */
async function findTableOverLuks(source: VolumeSource, signal: AbortSignal): Promise<PartitionTable | null> {
  const { withoutLuksRemains } = await import("#volume/luks-remains.ts");
  const remains = await withoutLuksRemains(source, signal);
  const table = remains === null ? null : await readTable(remains, signal);
  if (table === null || isLockstepError(table) || table.partitions.length === 0) return null;
  const message = "a LUKS header is at the disk's start too, over which the table was written";
  return { ...table, problems: [...table.problems, { code: "BOOT_SECTOR_TOO", message }] };
}

/** The partition table; null where there is none; why it cannot be read where there is one. */
async function readTable(source: VolumeSource, signal: AbortSignal): Promise<PartitionTable | LockstepError | null> {
  const { readPartitionTable } = await import("#volume/partitions/partition-table.ts");
  try {
    return await readPartitionTable(source, signal);
  } catch (error) {
    if (isLockstepError(error, "HEADER_CORRUPT", "FIELD_CORRUPT", "VOLUME_UNSUPPORTED")) return error;
    throw error;
  }
}

async function startsWithBitlocker(source: VolumeSource, signal: AbortSignal): Promise<boolean> {
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
  looking: Looking,
  signal: AbortSignal,
): Promise<readonly MappedVolume[]> {
  const sized = { ...found, sizeBytes: source.sizeBytes };
  const volume = { ...sized, encrypted: null, content: null, failure: null };
  if (looking.disk.readBytes > MAX_READ_BYTES) {
    const message = `it was not looked at: of what is before it on the disk ${looking.disk.readBytes} bytes were read`;
    return [failed(sized, { code: "VOLUME_UNSUPPORTED", message })];
  }
  try {
    for (const load of [loadLuks1, loadLuks2, loadBitlocker]) {
      const read = await load();
      const header = await read(source, signal);
      if (header === null) continue;
      looking.headers.set(found.name, { header, source });
      return [{ ...volume, encrypted: header.facts }];
    }
    const { readContent } = await import("#volume/content.ts");
    const content = await readContent(source, signal);
    const inside = content.kind === "lvm" ? (content.lvm?.logicalVolumes ?? []) : [];
    return [{ ...volume, content }, ...(await lookInto(source, found, inside, looking, signal))];
  } catch (error) {
    if (!isLockstepError(error, "HEADER_CORRUPT", "FIELD_CORRUPT", "VOLUME_UNSUPPORTED", "DISK_UNREADABLE"))
      throw error;
    looking.failures.set(found.name, error);
    return [failed(sized, error)];
  }
}

/** The logical volumes of a physical one that are for use, as many as are still to be looked into. */
async function lookInto(
  source: VolumeSource,
  physical: Found,
  inside: readonly LogicalVolume[],
  looking: Looking,
  signal: AbortSignal,
): Promise<readonly MappedVolume[]> {
  const visible = inside.filter((each) => each.visible);
  const volumes: MappedVolume[] = [];
  for (const [index, logical] of visible.entries()) {
    if (looking.logicalVolumes === MAX_LOGICAL_VOLUMES) {
      const others = visible.length - index - 1;
      const why = `it and ${others} more are not looked into: there are more than ${MAX_LOGICAL_VOLUMES}`;
      return [...volumes, unlookedAt(physical, logical, why)];
    }
    looking.logicalVolumes++;
    volumes.push(...(await lookAtLogical(source, physical, logical, looking, signal)));
  }
  return volumes;
}

async function lookAtLogical(
  source: VolumeSource,
  physical: Found,
  logical: LogicalVolume,
  looking: Looking,
  signal: AbortSignal,
): Promise<readonly MappedVolume[]> {
  const start = physical.stretches[0]?.offsetBytes ?? 0;
  const isNested = physical.logical !== null;
  if (logical.stretches === null || isNested) {
    return [unlookedAt(physical, logical, logical.reason ?? "it lies in a logical volume")];
  }
  const stretches = logical.stretches.map((place) => ({ ...place, offsetBytes: start + place.offsetBytes }));
  const found = { name: `${physical.name}/${logical.name}`, stretches, partition: null, logical };
  return lookAt(stretchedSource(source, logical.stretches), found, looking, signal);
}

function unlookedAt(physical: Found, logical: LogicalVolume, why: string): MappedVolume {
  const name = `${physical.name}/${logical.name}`;
  const sized = { name, stretches: [], sizeBytes: logical.sizeBytes ?? 0, partition: null, logical };
  return failed(sized, { code: "VOLUME_UNSUPPORTED", message: `logical volume ${logical.name}: ${why}` });
}

/** A volume that could not be looked at. */
function failed(
  found: Found & Pick<MappedVolume, "sizeBytes">,
  { code, message }: NonNullable<MappedVolume["failure"]>,
): MappedVolume {
  return { ...found, encrypted: null, content: null, failure: { code, message } };
}
