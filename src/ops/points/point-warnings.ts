import { purgeDueAt } from "#policy/soft-delete.ts";
import type { PointState } from "#vault/fold/fold.ts";
import type { PointBody } from "#vault/point-body.ts";

/** What a person should know of a point before it is relied on. docs/json.md, "Warnings" */
export type PointWarning = {
  readonly code: "POINT_TORN" | "POINT_INCOMPLETE" | "POINT_DATE_DOUBTFUL" | "POINT_DELETED" | "POINT_BODY_UNREADABLE";
  readonly message: string;
  readonly hint?: string;
  /** The point's bytes are not all that they should be. */
  readonly notGreen: boolean;
};

/** The most ranges that are named in a message. */
const SHOWN_RANGES = 8;

/**
 * What is not as it should be with a point. Says nothing of damage in the vault: that shows when it is read.
 *
 * @param disks  names of the disks that matter here; null for all
 */
export function pointWarnings(
  point: PointState,
  name: string,
  body: PointBody | null,
  disks: ReadonlySet<string> | null,
): readonly PointWarning[] {
  const chosen = point.disks.filter((disk) => disks === null || disks.has(disk.name));
  const bodyOf = (id: string) => body?.disks.find(({ disk }) => disk === id);
  const warnings: PointWarning[] = [];
  if (point.consistency === "torn") {
    const whys = chosen.flatMap(({ disk, name: diskName }) => {
      const why = bodyOf(disk)?.torn ?? null;
      return why === null ? [] : [`${diskName}: ${why}`];
    });
    const because = whys.length === 0 ? "" : ` (${whys.join("; ")})`;
    warnings.push({
      code: "POINT_TORN",
      message: `${name} is torn: its disks may have been written to while they were read${because}`,
      hint: "Its file systems may need a repair, and it may not start. Another point may be better.",
      notGreen: true,
    });
  }
  for (const { disk, name: diskName } of chosen) {
    const ranges = bodyOf(disk)?.unreadable ?? [];
    if (ranges.length === 0) continue;
    const bytes = ranges.reduce((sum, [, length]) => sum + length, 0);
    warnings.push({
      code: "POINT_INCOMPLETE",
      message: `${name}, disk ${diskName}: ${bytes} bytes could not be read from the source and are zeros here: bytes ${shown(ranges)}`,
      hint: "An older point may have them.",
      notGreen: true,
    });
  }
  if (body === null) {
    warnings.push({
      code: "POINT_BODY_UNREADABLE",
      message: `what ${name} says of itself cannot be read; its disks do not need it`,
      hint: "Run 'lockstep check' to see what is damaged.",
      notGreen: false,
    });
    if (point.unreadableBytes > 0) {
      warnings.push({
        code: "POINT_INCOMPLETE",
        message: `${name}: ${point.unreadableBytes} bytes could not be read from the source and are zeros here`,
        hint: "An older point may have them.",
        notGreen: true,
      });
    }
  }
  if (point.dateDoubtful) {
    warnings.push({
      code: "POINT_DATE_DOUBTFUL",
      message: `the date of ${name} is in doubt: the clock of the host that took it could not be believed`,
      notGreen: false,
    });
  }
  if (point.deleted !== null) {
    const until = purgeDueAt(Temporal.Instant.from(point.deleted.at)).toString({ smallestUnit: "minute" });
    warnings.push({
      code: "POINT_DELETED",
      message: `${name} is deleted, and may be purged from ${until} on`,
      hint: `Keep it: lockstep point undelete ${point.point}`,
      notGreen: false,
    });
  }
  return warnings;
}

function shown(ranges: readonly (readonly [offset: number, length: number])[]): string {
  const words = ranges.slice(0, SHOWN_RANGES).map(([offset, length]) => `${offset}-${offset + length - 1}`);
  const more = ranges.length > SHOWN_RANGES ? ` and ${ranges.length - SHOWN_RANGES} more` : "";
  return words.join(", ") + more;
}
