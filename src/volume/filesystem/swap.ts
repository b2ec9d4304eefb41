import { isZero } from "#bytes/arrays.ts";
import { Fields } from "#volume/filesystem/fields.ts";
import { beyond, noCopy, type ContentFormat, type Recognised } from "#volume/filesystem/recognised.ts";
import { uuidText } from "#volume/source/guid-text.ts";
import { readUpTo, type VolumeSource } from "#volume/source/source.ts";
import { visibleUtf8 } from "#volume/source/visible-text.ts";

const KIB = 1024;
/** The mark is in the last ten bytes of the first page, so its place tells the page size of the machine that made it. */
const PAGE_SIZES = [4 * KIB, 8 * KIB, 16 * KIB, 32 * KIB, 64 * KIB];
const MARK_BYTES = 10;
/** Marks that hibernation leaves in place of the swap mark until the machine wakes up. */
const SLEEPING = ["S1SUSPEND", "S2SUSPEND", "ULSUSPEND", "LINHIB0001"];

/**
 * Swap space of Linux, of both byte orders, with a memory image of a sleeping machine in it or not. No checksum and no copy.
 *
 * @see util-linux include/swapheader.h; Linux include/linux/swap.h, union swap_header
 */
export const swap: ContentFormat = {
  name: "swap",
  async find(source, signal) {
    const area = await readUpTo(source, 0, 64 * KIB, signal);
    for (const pageBytes of PAGE_SIZES) {
      if (area.length < pageBytes) break;
      const at = new Fields(area);
      const markAt = pageBytes - MARK_BYTES;
      if (SLEEPING.some((mark) => at.is(markAt, mark))) return recognise(area, pageBytes, true, source);
      if (at.is(markAt, "SWAPSPACE2")) return recognise(area, pageBytes, false, source);
      if (at.is(markAt, "SWAP-SPACE")) return oldSwap(pageBytes);
    }
    return null;
  },
  findCopy: noCopy,
};

function recognise(area: Uint8Array, pageBytes: number, sleeps: boolean, source: VolumeSource): Recognised {
  const little = new Fields(area);
  const at = little.u32(1024) === 1 ? little : new Fields(area, "big");
  const pages = at.u32(1028) + 1;
  const sizeBytes = pages * pageBytes;
  const uuid = at.part(1036, 16);
  const maxBadPages = (pageBytes - 1536 - MARK_BYTES) / 4;
  const isPossible = at.u32(1024) === 1 && pages > 1 && at.u32(1032) <= maxBadPages;
  return {
    kind: "swap",
    type: sleeps ? "swsuspend" : "swap",
    variant: `page size ${pageBytes}${at === little ? "" : ", big-endian"}`,
    label: visibleUtf8(at.part(1052, 16)) || null,
    uuid: isZero(uuid) ? null : uuidText(uuid),
    sizeBytes: isPossible ? sizeBytes : null,
    verified: isPossible ? "structure" : "magic only",
    copy: { which: "first", offsetBytes: 0 },
    problems: isPossible ? beyond(sizeBytes, source, "the swap space") : [],
    lvm: null,
  };
}

/** The first version had neither a version field nor a label. */
function oldSwap(pageBytes: number): Recognised {
  return {
    kind: "swap",
    type: "swap",
    variant: `page size ${pageBytes}, version 0`,
    label: null,
    uuid: null,
    sizeBytes: null,
    verified: "magic only",
    copy: { which: "first", offsetBytes: 0 },
    problems: [],
    lvm: null,
  };
}
