import type { KeyStore } from "#keys/key-store.ts";
import { FROZEN_AFTER_RECOVERY } from "#policy/frozen.ts";

/**
 * Ends what a recovery began, once every vault that is not retired has reported to the store as it is now. To be called in the
 * transaction of a report.
 *
 * @returns  whether the store was thawed by this
 */
export function thawIfReported(store: KeyStore): boolean {
  const { frozen, epoch } = store.facts();
  if (frozen !== FROZEN_AFTER_RECOVERY) return false;
  const silent = store.db
    .prepare("SELECT 1 FROM vaults WHERE retired_ms IS NULL AND coalesce(heard_epoch, 0) < ?")
    .get(epoch);
  if (silent !== undefined) return false;
  store.db.exec("UPDATE store SET frozen = NULL");
  return true;
}
