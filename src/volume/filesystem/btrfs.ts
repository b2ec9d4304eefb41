import { equalBytes, isZero } from "#bytes/arrays.ts";
import { btrfsChecksum } from "#volume/filesystem/btrfs-checksum.ts";
import { Fields } from "#volume/filesystem/fields.ts";
import {
  beyond,
  exact,
  fromCopy,
  isPowerOfTwo,
  type ContentFormat,
  type ContentProblem,
  type Recognised,
} from "#volume/filesystem/recognised.ts";
import { uuidText } from "#volume/source/guid-text.ts";
import { readUpTo, type VolumeSource } from "#volume/source/source.ts";
import { visibleUtf8 } from "#volume/source/visible-text.ts";

export const SUPERBLOCK_BYTES = 4096;
export const PLACES = [64 * 1024, 64 * 1024 * 1024, 256 * 1024 ** 3] as const;

/**
 * Btrfs: one device of it. Sizes are of this device, not of the whole file system; `verified` is by the checksum that the
 * superblock names.
 *
 * @see Btrfs documentation, "On-disk Format", superblock
 */
export const btrfs: ContentFormat = {
  name: "Btrfs",
  async find(source, signal) {
    const first = await readSuperblock(source, PLACES[0], signal);
    if (first === null || first === "broken" || first.verified !== "magic only") {
      if (first !== "broken") return first;
    }
    const copy = await findBackup(source, `the superblock at byte ${PLACES[0]} is damaged`, signal);
    return copy ?? (first === "broken" ? null : first);
  },
  findCopy: (source, signal) => findBackup(source, `there is no superblock at byte ${PLACES[0]}`, signal),
};

async function findBackup(source: VolumeSource, first: string, signal: AbortSignal): Promise<Recognised | null> {
  for (const offsetBytes of PLACES.slice(1)) {
    const copy = await readSuperblock(source, offsetBytes, signal);
    if (copy !== null && copy !== "broken" && copy.verified !== "magic only") return fromCopy(copy, offsetBytes, first);
  }
  return null;
}

async function readSuperblock(
  source: VolumeSource,
  offsetBytes: number,
  signal: AbortSignal,
): Promise<Recognised | "broken" | null> {
  const bytes = await readUpTo(source, offsetBytes, SUPERBLOCK_BYTES, signal);
  if (bytes.length < SUPERBLOCK_BYTES) return null;
  const at = new Fields(bytes);
  if (!at.is(64, "_BHRfS_M")) return null;
  const nodeBytes = at.u32(148);
  // a superblock says where it belongs, so that one that was copied elsewhere is not taken for real
  if (at.u64(48) !== BigInt(offsetBytes) || !isPowerOfTwo(at.u32(144)) || !isPowerOfTwo(nodeBytes)) return "broken";

  const type = at.u16(196);
  const sum = await btrfsChecksum(type, bytes.subarray(32));
  const fits = sum !== null && equalBytes(sum, bytes.subarray(0, sum.length));
  const what = sum === null ? `is of type ${type}, which is not known here` : "is wrong";
  const message = `the checksum of the superblock at byte ${offsetBytes} ${what}`;
  const problems: readonly ContentProblem[] = fits ? [] : [{ code: "CHECKSUM_WRONG", message }];
  const sizeBytes = exact(at.u64(209));
  const uuid = at.part(32, 16);
  return {
    kind: "file system",
    type: "btrfs",
    variant: at.u64(136) > 1n ? `one of ${at.u64(136)} devices` : null,
    label: visibleUtf8(at.part(299, 256)) || null,
    uuid: isZero(uuid) ? null : uuidText(uuid),
    sizeBytes,
    verified: fits ? "checksum" : "magic only",
    copy: { which: "first", offsetBytes },
    problems: [...problems, ...beyond(sizeBytes, source, "the Btrfs device")],
    lvm: null,
  };
}
