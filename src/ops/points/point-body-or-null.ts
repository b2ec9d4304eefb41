import { isLockstepError } from "#errors/errors.ts";
import type { PointState } from "#vault/fold/fold.ts";
import type { Log } from "#vault/log/log.ts";
import { readBody } from "#vault/point-body.ts";
import type { PointBody } from "#vault/point-body.ts";
import type { Vault } from "#vault/vault.ts";

/**
 * A point's body; null where it is lost or damaged. The disks can be given back without it.
 *
 * @throws {LockstepError} VAULT_NEWER, and what the store throws
 */
export async function readBodyOrNull(
  vault: Vault,
  log: Log,
  point: PointState,
  signal: AbortSignal,
): Promise<PointBody | null> {
  try {
    return await readBody(vault, log.machine, point, signal);
  } catch (error) {
    if (isLockstepError(error, "OBJECT_MISSING", "OBJECT_CORRUPT", "OBJECT_TOO_LARGE", "FIELD_CORRUPT")) return null;
    throw error;
  }
}
