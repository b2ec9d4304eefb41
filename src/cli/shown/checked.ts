import { formatBytes } from "#cli/output/units.ts";
import type { CheckOptions, CheckResult, HurtDisk } from "#ops/check/check.ts";
import type { PointLight } from "#ops/points/point-light.ts";

type Names = ReadonlyMap<string, string>;

/** The most ranges of a disk that are shown. */
const SHOWN_RANGES = 8;

function depthWords(readData: CheckOptions["readData"], readBytes: number): string {
  if (readData === null) return "data is there, not read";
  const part = readData.of === 1 ? "all" : `part ${readData.part} of ${readData.of} of the`;
  return `${part} data read, ${formatBytes(readBytes)}`;
}

/** What a check found, for a person. @param what  the machine or point that was checked */
export function checkLines(what: string, found: CheckResult, names: Names, { readData }: CheckOptions): string[] {
  const { points, segments, readBytes } = found;
  const depth = depthWords(readData, readBytes);
  const summary = `${what}: ${counted(points, "point")}, ${counted(segments.nodes, "tree segment")}, ${counted(segments.data, "data segment")}; ${depth}`;
  if (found.ok && found.copies.length === 0 && found.readable.length === 0) return [`${summary}: all is well.`];
  const lines = [found.ok ? `${summary}: all is well now.` : `${summary}.`];
  for (const hurt of found.hurt) {
    lines.push(`  damaged: ${names.get(hurt.point) ?? hurt.point}, disk ${hurt.name}: bytes ${rangesOf(hurt)}`);
  }
  for (const { disk, kind, segment, why, known } of found.damage) {
    lines.push(`  ${known ? "known" : "new"} damage: ${kind} segment ${segment} of disk ${disk}: ${why}`);
  }
  for (const { point, why } of found.bodies) {
    lines.push(`  the body of ${names.get(point) ?? point} is lost; its disks can be given back: ${why}`);
  }
  for (const { key, what: fault, repaired } of found.copies) {
    lines.push(`  ${repaired ? "healed" : "not healed"}: ${key} was ${fault}, its twin is right`);
  }
  for (const words of found.unread) lines.push(`  not looked at: ${words}`);
  if (found.unread.length > 0) {
    lines.push("  If the disk below the vault is failing, --unread-is-damaged has the next backup write this anew.");
  }
  if (found.readable.length > 0) {
    const then = found.healedSlots > 0 ? "written anew" : "not written anew";
    lines.push(`  ${counted(found.readable.length, "segment")} that the log called damaged can be read again: ${then}`);
  }
  if (found.damage.length > 0) {
    lines.push(
      `  ${formatBytes(found.damagedBytes)} cannot be given back as it is. Back the machine up: where its disks still hold the same blocks, that heals them.`,
    );
  }
  return lines;
}

/** What a check found as JSON shows it. docs/json.md, "lockstep check" */
export function shownCheck(found: CheckResult, names: Names): object {
  const { ok, points, segments, readBytes, damagedBytes, copies, unread, recordedSlots } = found;
  return {
    ok,
    points,
    segments,
    readBytes,
    damagedBytes,
    hurt: found.hurt.map(({ point: id, disk: diskId, name: disk, ranges }) => ({
      id,
      name: names.get(id) ?? id,
      disk,
      diskId,
      ranges: ranges.map(({ offsetBytes, lengthBytes }) => [offsetBytes, lengthBytes]),
    })),
    damage: found.damage.map(({ disk, kind, segment, generation, slots, why, known }) => ({
      diskId: disk,
      kind,
      segment,
      generation,
      slots,
      why,
      known,
    })),
    lostBodies: found.bodies.map(({ point: id, why }) => ({ id, name: names.get(id) ?? id, why })),
    copies,
    unread,
    recordedSlots,
  };
}

/** What came of having points opened, for a person. @param what  the machine or point */
export function keyLines(
  what: string,
  looked: readonly { readonly light: PointLight }[],
  { hasKeySide, isWell }: { readonly hasKeySide: boolean; readonly isWell: boolean },
): string[] {
  const encrypted = looked.filter(({ light: { light } }) => light !== "plain");
  if (encrypted.length === 0) return [];
  if (!hasKeySide)
    return [`${what}: no key side: nothing shows that a key opens ${counted(encrypted.length, "point")}.`];
  const opened = encrypted.filter(({ light: { openedAt } }) => openedAt !== null);
  const versions = [...new Set(opened.flatMap(({ light }) => light.versions))].sort();
  const by = versions.length === 0 ? "" : ` with ${versions.join(", ")}`;
  const lights = (["green", "amber", "red"] as const).flatMap((light) => {
    const number = encrypted.filter((each) => each.light.light === light).length;
    return number === 0 ? [] : [`${number} ${light}`];
  });
  const was = isWell ? "" : ", not all of them now";
  return [`${what}: ${opened.length} of ${counted(encrypted.length, "point")} opened${by}${was}; ${lights.join(", ")}`];
}

function rangesOf({ ranges }: HurtDisk): string {
  const shown = ranges
    .slice(0, SHOWN_RANGES)
    .map(({ offsetBytes, lengthBytes }) => `${offsetBytes}-${offsetBytes + lengthBytes - 1}`);
  const more = ranges.length > SHOWN_RANGES ? ` and ${ranges.length - SHOWN_RANGES} more ranges` : "";
  return shown.join(", ") + more;
}

/** `1 point`, `2 points`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
