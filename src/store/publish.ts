import { LockstepError } from "#errors/errors.ts";
import { codeOf, orNull } from "#store/files.ts";
import type { Files } from "#store/files.ts";

const noLinks = ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"];
const noRename = ["EINVAL", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"];

/**
 * Gives a finished file its final name, unless that is taken. Does not sync.
 *
 * By a hard link; where the file system has none, by a rename that replaces nothing.
 *
 * @returns  false when the name is taken by another file
 * @throws {LockstepError} STORE_BROKEN: the file system offers neither; and whatever the files throw
 */
export async function publish(files: Files, temporary: string, path: string): Promise<boolean> {
  try {
    await files.link(temporary, path);
    return true;
  } catch (error) {
    const code = codeOf(error);
    if (noLinks.includes(code)) return publishByRename(files, temporary, path);
    if (code !== "EEXIST") throw error;
    // Over NFS the answer to a link that worked may be lost, and the same request sent again finds it taken: link(2).
    const [ours, there] = [await files.stat(temporary), await orNull(files.stat(path), "ENOENT", "ELOOP")];
    return ours.id === there?.id;
  }
}

async function publishByRename(files: Files, temporary: string, path: string): Promise<boolean> {
  try {
    await files.renameToNew(temporary, path);
    return true;
  } catch (error) {
    const code = codeOf(error);
    if (code === "EEXIST") return false;
    if (!noRename.includes(code)) throw error;
    throw new LockstepError(
      "STORE_BROKEN",
      `Cannot name ${path}: its file system has neither hard links nor a rename that replaces nothing.`,
      { hint: "Keep the vault on ext4, XFS, Btrfs, ZFS or NFS.", cause: error },
    );
  }
}
