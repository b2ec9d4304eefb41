import * as z from "zod";

import type { ByteRange } from "#disk/contract.ts";
import { LockstepError } from "#errors/errors.ts";
import type { PointId } from "#vault/object/ids.ts";

const whole = z.int().min(0);

const changeList = z.strictObject({
  since: z.string().regex(/^[0-9a-f]{32}$/, "it is not a point's id of 32 hex digits"),
  disks: z.record(z.string(), z.array(z.tuple([whole, whole]))),
});

/** What changed on a machine's disks since a point, as something outside of Lockstep says. docs/changed-ranges.md */
export type ChangeList = {
  readonly since: PointId;
  /** By the disk's name; in no order, and they may overlap. */
  readonly disks: ReadonlyMap<string, readonly ByteRange[]>;
};

/**
 * Parses a list of changed ranges. Does not know the disks: see `changedRanges`.
 *
 * @param name  the file, for messages
 * @throws {LockstepError} RANGES_INVALID: no JSON, or not of the documented shape
 */
export function parseChangeList(text: string, name: string): ChangeList {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw invalid(`reading the changed ranges ${name}: it is not JSON`, cause);
  }
  const parsed = changeList.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const at = issue?.path.join(".") ?? "";
    throw invalid(
      `reading the changed ranges ${name}: ${at === "" ? "" : `${at}: `}${issue?.message ?? "it is wrong"}`,
    );
  }
  const disks = Object.entries(parsed.data.disks).map(([disk, ranges]): [string, ByteRange[]] => [
    disk,
    ranges.map(([offsetBytes, lengthBytes]) => ({ offsetBytes, lengthBytes })),
  ]);
  return { since: parsed.data.since as PointId, disks: new Map(disks) };
}

/**
 * The ranges of one disk as a backup takes them: in order, not touching, and with what comes of a new size: the last
 * block of the shorter of the two, and all that is new.
 *
 * @param base  the size that the disk had in the point that the list starts from
 * @throws {LockstepError} RANGES_INVALID: the list does not name the disk, or a range does not lie in it
 */
export function changedRanges(
  list: ChangeList,
  disk: { readonly name: string; readonly blockBytes: number },
  size: { readonly sizeBytes: number; readonly baseSizeBytes: number },
): readonly ByteRange[] {
  const listed = list.disks.get(disk.name);
  if (listed === undefined) {
    throw invalid(`the changed ranges do not name the disk ${disk.name}; where nothing changed, name it with []`);
  }
  const { sizeBytes, baseSizeBytes } = size;
  const ranges = listed.filter(({ lengthBytes }) => lengthBytes > 0);
  for (const { offsetBytes, lengthBytes } of ranges) {
    if (offsetBytes + lengthBytes > sizeBytes) {
      throw invalid(
        `the changed range [${offsetBytes}, ${lengthBytes}] does not lie in disk ${disk.name} of ${sizeBytes} bytes`,
      );
    }
  }
  if (baseSizeBytes !== sizeBytes) {
    const shorter = Math.min(baseSizeBytes, sizeBytes);
    const from = Math.floor(shorter / disk.blockBytes) * disk.blockBytes;
    if (from < sizeBytes) ranges.push({ offsetBytes: from, lengthBytes: sizeBytes - from });
  }
  return united(ranges);
}

function united(ranges: readonly ByteRange[]): ByteRange[] {
  const whole: ByteRange[] = [];
  for (const range of ranges.toSorted((a, b) => a.offsetBytes - b.offsetBytes)) {
    const last = whole.at(-1);
    if (last === undefined || range.offsetBytes > last.offsetBytes + last.lengthBytes) {
      whole.push(range);
      continue;
    }
    const end = Math.max(last.offsetBytes + last.lengthBytes, range.offsetBytes + range.lengthBytes);
    whole[whole.length - 1] = { offsetBytes: last.offsetBytes, lengthBytes: end - last.offsetBytes };
  }
  return whole;
}

function invalid(message: string, cause?: unknown): LockstepError {
  return new LockstepError("RANGES_INVALID", message, {
    hint: "docs/changed-ranges.md says what is in the file.",
    cause,
  });
}
