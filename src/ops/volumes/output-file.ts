import { createFileTarget, partialSuffix } from "#disk/new-target.ts";
import type { NewFileTarget } from "#disk/new-target.ts";
import { isLockstepError, LockstepError } from "#errors/errors.ts";

/**
 * As `createFileTarget`, for a file that is no restored disk: what its name being taken means is said in other words.
 *
 * @throws {LockstepError} as `createFileTarget`
 */
export async function createOutputFile(
  path: string,
  sizeBytes: number,
  options: { readonly resume?: boolean },
  signal: AbortSignal,
): Promise<NewFileTarget> {
  try {
    return await createFileTarget(path, sizeBytes, options, signal);
  } catch (error) {
    if (!isLockstepError(error, "TARGET_EXISTS")) throw error;
    const partial = `${path}${partialSuffix}`;
    throw new LockstepError("TARGET_EXISTS", `writing ${path}: it exists, or ${partial} of another run does`, {
      hint: "Name a new file.",
      cause: error,
    });
  }
}
