import assert from "node:assert/strict";

import { failingStore } from "#testing/failing-store.ts";
import type { StoreFault } from "#testing/failing-store.ts";
import type { Act, Promised } from "#testing/acts.ts";
import { assertNothingDead } from "#testing/nothing-dead.ts";
import { assertClear, assertWhole } from "#testing/whole-vault.ts";
import type { WholeVault } from "#testing/whole-vault.ts";

/**
 * Does an act in a copy of a vault in which the store call number `at` of the act fails, and asserts that nothing is lost:
 * what was answered is so, every point is there and right, and one more prune leaves nothing dead. A fault that passes must
 * not show at all; one that stays must end the act with an error that says that the store did not answer.
 *
 * An effect that is delayed lands only after a backup and a prune that ran in between.
 *
 * @returns  false when the act makes fewer calls
 */
export async function runWithFault(prepared: WholeVault, act: Act, fault: StoreFault, at: number): Promise<boolean> {
  const way = `${act.name}, call ${at} fails: ${JSON.stringify(fault)}`;
  const whole = await prepared.copy();
  const failing = failingStore(whole.store, fault);
  const client = await whole.open(failing.store);
  failing.arm(at);
  let promised: Promised | null = null;
  try {
    promised = await act.run(whole, client);
  } catch (error) {
    assertClear(error, way);
    assert.ok(failing.struck(), `${way}: it failed before: ${error.stack}`);
    assert.equal(error.code, "STORE_UNAVAILABLE", `${way}: ${error.stack}`);
    assert.notEqual(fault.lasts, "once", `${way}: a fault that passed was not got over: ${error.stack}`);
  }
  if (promised !== null) await promised(await whole.open());
  const allowed = promised === null ? (act.unfinished?.(whole) ?? {}) : (act.allowed?.(whole) ?? {});
  if (fault.fault === "delayed") {
    await goOn(whole, allowed.unanswered);
    await failing.landPending();
  }
  await act.mend?.(whole);
  await assertWhole(whole, allowed, way);
  await assertNothingDead(whole, way);
  return failing.struck();
}

/** Somebody else backs up and prunes. */
async function goOn(whole: WholeVault, unanswered: Uint8Array | undefined): Promise<void> {
  const client = await whole.open();
  if (unanswered !== undefined) {
    // Whether the backup that got no answer is in the log is decided by now.
    for (const { point } of client.log.fold.points.values()) {
      if (!whole.expected.has(point)) whole.expected.set(point, unanswered);
    }
  }
  await whole.backUp(client);
  await whole.prune(client, { closeStalled: true });
}
