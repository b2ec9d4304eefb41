import { auditRefusal } from "#keys/access/act.ts";
import type { AuditedAct } from "#keys/audit/audit.ts";
import type { Caller } from "#keys/store/model.ts";
import type { KeySide } from "#server/key-side.ts";

/** Who asks without a token, or with one that counts no more, in the budget of refusals. */
export const STRANGER = "stranger";

/** Notes that something was refused, unless so much was refused to this asker that it is counted only. */
export function auditWithinBudget(
  { store, refusals }: KeySide,
  caller: Caller,
  what: AuditedAct,
  error: unknown,
): void {
  const unrecorded = refusals.take(caller.identity ?? STRANGER, store.deps.now().epochMilliseconds);
  if (unrecorded === null) return;
  const detail = unrecorded === 0 ? what.detail : { ...what.detail, unrecordedBefore: unrecorded };
  auditRefusal(store, caller, detail === undefined ? what : { ...what, detail }, error);
}
