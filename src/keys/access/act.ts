import { isLockstepError } from "#errors/errors.ts";
import { appendAudit } from "#keys/audit/audit.ts";
import type { AuditedAct } from "#keys/audit/audit.ts";
import type { KeyStore } from "#keys/key-store.ts";
import { inTransaction } from "#keys/store/database.ts";
import type { Caller } from "#keys/store/model.ts";

/**
 * Does something to the key store, as a whole and with its entry in the audit log: both are there, or neither. What the key side does
 * by itself and is refused leaves an entry too; for what somebody asked for, that is left to whoever answers him.
 *
 * @param work  gets nothing and waits for nothing: what takes time is done before. May complete the entry's detail
 */
export function act<T>(store: KeyStore, caller: Caller, what: AuditedAct, work: () => T): T {
  const now = store.deps.now();
  try {
    return inTransaction(store.db, () => {
      const result = work();
      appendAudit(store.db, caller, what, "done", now);
      return result;
    });
  } catch (error) {
    if (caller.role === "self") auditRefusal(store, caller, what, error);
    throw error;
  }
}

/** Errors of these kinds mean that an act failed; of all others, that it was refused. */
const failures: readonly string[] = ["unavailable", "corrupt", "cancelled"];

/** Notes that something was refused, or failed. */
export function auditRefusal(store: KeyStore, caller: Caller, what: AuditedAct, error: unknown): void {
  const code = isLockstepError(error) ? error.code : "BUG";
  const outcome = isLockstepError(error) && !failures.includes(error.kind) ? "refused" : "failed";
  const detail = { ...what.detail, code };
  inTransaction(store.db, () => appendAudit(store.db, caller, { ...what, detail }, outcome, store.deps.now()));
}
