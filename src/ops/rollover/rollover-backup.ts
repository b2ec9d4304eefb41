import { Buffer } from "node:buffer";
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";

import type { RolloverFacts } from "#api/rollover.ts";
import { isThere } from "#disk/is-there.ts";
import type { LiveHeader } from "#ops/volumes/live-header.ts";
import { createOutputFile } from "#ops/volumes/output-file.ts";

const suffix = ".header";

/** Where the header of a rollover's volume is kept, as it was before. */
export function headerBackupPath(folder: string, rollover: string): string {
  return join(folder, `${rollover}${suffix}`);
}

/** The path of the header that is kept for a rollover; null where none is. */
export async function keptHeader(folder: string, rollover: string): Promise<string | null> {
  const path = headerBackupPath(folder, rollover);
  return (await isThere(path)) ? path : null;
}

/**
 * Keeps a header, as `volume header-restore --from` takes it, durably and for this user alone, where none is kept yet: the one from
 * before the first change counts.
 *
 * @throws {LockstepError} what creating a file throws
 */
export async function keepHeader(
  folder: string,
  rollover: string,
  { facts, presented }: Pick<LiveHeader, "facts" | "presented">,
  signal: AbortSignal,
): Promise<void> {
  const path = headerBackupPath(folder, rollover);
  if (await isThere(path)) return;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const pieces = presented.ranges.map(([offsetBytes, text]) => ({ offsetBytes, bytes: Buffer.from(text, "base64") }));
  // A header's areas may reach as far as the data though few are in use, and a reader looks for room.
  const ends = pieces.map(({ offsetBytes, bytes }) => offsetBytes + bytes.length);
  await using target = await createOutputFile(
    path,
    Math.max(facts.payload?.offsetBytes ?? 0, ...ends),
    { resume: true },
    signal,
  );
  for (const { offsetBytes, bytes } of pieces) await target.write(offsetBytes, bytes, signal);
  await target.finish(signal);
}

/**
 * Removes the headers that were kept for rollovers of which a point was since seen to open with the new version. Others stay: also those
 * of rollovers that were abandoned, and of another key store.
 *
 * @returns  the paths of those that were removed
 */
export async function removeProvenHeaders(folder: string, rollovers: readonly RolloverFacts[]): Promise<string[]> {
  const names = new Set(await readdir(folder).catch(() => []));
  const proven = rollovers.filter(({ step, provenAt, id }) => {
    return step === "removed" && provenAt !== null && names.has(`${id}${suffix}`);
  });
  const paths = proven.map(({ id }) => headerBackupPath(folder, id));
  for (const path of paths) await rm(path);
  return paths;
}
