import { stat } from "node:fs/promises";

import { systemErrorName } from "#disk/system-error.ts";

/** What tells a file from all others on this host, whatever path leads to it; null when it is not there. */
export async function fileOf(path: string): Promise<string | null> {
  try {
    const { dev, ino } = await stat(path, { bigint: true });
    return `${dev}:${ino}`;
  } catch (error) {
    if (systemErrorName(error) === null) throw error;
    return null;
  }
}
