import { LockstepError } from "#errors/errors.ts";
import { DayBudget } from "#keys/access/day-budget.ts";
import { loadPolicy } from "#keys/access/policy.ts";
import type { KeyStore } from "#keys/key-store.ts";
import type { Caller } from "#keys/store/model.ts";

const budgets = new WeakMap<KeyStore, DayBudget>();

/**
 * Takes rows from what a backup identity may add to the database today: points, volumes, statements, entries of the audit log. So one that
 * is broken, or in somebody else's hands, fills no disk. What it adds at once counts as one: the first of a day is always allowed.
 *
 * @param caller  others than backup identities are not limited
 * @param doing   such as `reporting the points of web01`
 * @throws {LockstepError} RATE_LIMITED
 */
export function spendRows(store: KeyStore, caller: Caller, rows: number, doing: string): void {
  if (caller.role !== "backup") return;
  const budget = budgets.get(store) ?? new DayBudget();
  budgets.set(store, budget);
  const now = store.deps.now();
  const most = loadPolicy(store).backupRowsPerDay;
  const spent = budget.spent(caller.name, now);
  if (spent > 0 && spent + rows > most) {
    const found = `${caller.name} has added ${spent} of ${most} rows today, and this takes ${rows} more`;
    throw new LockstepError("RATE_LIMITED", `${doing}: ${found}`, {
      hint: "It is taken tomorrow; a custodian can allow more with `lockstep policy set backupRowsPerDay=N`.",
    });
  }
  budget.spend(caller.name, rows, now);
}
