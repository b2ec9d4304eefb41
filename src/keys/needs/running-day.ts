import { appendAudit } from "#keys/audit/audit.ts";
import type { KeyStore } from "#keys/key-store.ts";
import { itself } from "#keys/store/model.ts";
import { countRunningDay } from "#keys/vaults/counted-days.ts";
import { freeRetiredVaults } from "#keys/vaults/vaults.ts";

/**
 * Counts today as one on which the key side runs, and frees what has waited for just that. Cheap where today was counted
 * before: it is meant to be called with each request, too. To be called inside a transaction.
 */
export function passRunningDay(store: KeyStore): void {
  if (!countRunningDay(store)) return;
  const points = freeRetiredVaults(store);
  if (points === 0) return;
  const what = { act: "vault.free", subject: "retired vaults", detail: { points } };
  appendAudit(store.db, itself, what, "done", store.deps.now());
}
