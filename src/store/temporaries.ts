import { randomBytes } from "node:crypto";
import { join } from "node:path";

import { hex } from "#bytes/text.ts";
import { codeOf } from "#store/files.ts";
import type { Files, OpenFile } from "#store/files.ts";

/** Where a store keeps files that are not objects yet. No key starts with a dot. */
export const temporaryFolder = ".tmp";

const staleMs = 24 * 60 * 60 * 1000;

/** Makes a new, empty file in the folder for temporaries. Its name is random: two hosts may share the store. */
export async function createTemporary(files: Files, root: string): Promise<{ path: string; file: OpenFile }> {
  const path = join(root, temporaryFolder, hex(randomBytes(16)));
  return { path, file: await files.open(path, "create") };
}

/**
 * Removes what crashed runs left: temporaries a day older, by the file system's own clock, than one made just now.
 *
 * A wrong guess costs the run that still writes such a file one repetition of that put. One that is an object already
 * (it has a second name) stays: that name tells readers that the object's folder may not be synced. It takes no room,
 * and goes once the object does. Where nothing may be removed, on a read-only mount for instance, nothing is.
 */
export async function removeStaleTemporaries(files: Files, root: string): Promise<void> {
  try {
    const folder = join(root, temporaryFolder);
    const left = (await files.readFolder(folder)).filter((entry) => entry.kind === "file");
    if (left.length === 0) return;
    const probe = await createTemporary(files, root);
    const { modifiedMs } = await probe.file.stat();
    await probe.file.close();
    await files.unlink(probe.path);
    for (const { name } of left) {
      const path = join(folder, name);
      const stat = await files.stat(path);
      if (stat.links === 1 && modifiedMs - stat.modifiedMs > staleMs) await files.unlink(path);
    }
  } catch (error) {
    if (codeOf(error) === "") throw error; // housekeeping only: whatever the file system refuses can wait
  }
}
