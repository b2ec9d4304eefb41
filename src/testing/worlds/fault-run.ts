import assert from "node:assert/strict";

import { failingStore } from "#testing/stores/failing-store.ts";
import type { StoreFault } from "#testing/stores/failing-store.ts";
import { recordingStore } from "#testing/stores/recording-store.ts";
import { assertClear, assertPoints, assertWhole } from "#testing/vaults/whole-vault.ts";
import type { Allowance, WholeVault } from "#testing/vaults/whole-vault.ts";
import type { Act, Answer } from "#testing/worlds/acts.ts";

/**
 * Does an act in a copy of a vault in which the store call number `at` of the act fails, and asserts that nothing is lost:
 * what was answered is so, every point is there and right, and one more prune leaves nothing dead. A fault that passes must
 * not show at all; one that stays must end the act with an error that says that the store did not answer.
 *
 * An effect that is delayed lands only after a backup and a prune that ran in between.
 */
export async function runWithFault(prepared: WholeVault, act: Act, fault: StoreFault, at: number): Promise<void> {
  const way = `${act.name}, call ${at} fails: ${JSON.stringify(fault)}`;
  const whole = await prepared.copy();
  const failing = failingStore(whole.store, fault);
  const client = await whole.open(failing.store);
  failing.arm(at);
  let answer: Answer | null = null;
  try {
    answer = await act.run(whole, client);
  } catch (error) {
    assertClear(error, way);
    assert.equal(error.code, "STORE_UNAVAILABLE", `${way}: ${error.stack}`);
    assert.notEqual(fault.lasts, "once", `${way}: a fault that passed was not got over: ${error.stack}`);
  }
  if (answer !== null) {
    assert.ok(!answer.isPartial || fault.lasts !== "once", `${way}: a fault that passed was not got over`);
    await answer.holds(await whole.open());
  }
  const allowed = answer === null ? (act.unfinished?.(whole) ?? {}) : {};
  if (fault.fault === "delayed") {
    await goOn(whole, allowed, way);
    await failing.landPending();
  }
  await act.mend?.(whole);
  await assertWhole(whole, allowed, way);
}

/** The store calls of an act that meets no fault: whether each is one that changes something. */
export async function changesOf(prepared: WholeVault, act: Act): Promise<readonly boolean[]> {
  const whole = await prepared.copy();
  const { store, calls } = recordingStore(whole.store);
  const client = await whole.open(store);
  const opening = calls.length;
  await act.run(whole, client);
  return calls.slice(opening).map(({ operation }) => operation === "put" || operation === "delete");
}

/** Somebody else backs up and prunes. Whether a backup that got no answer is in the log is decided by then. */
async function goOn(whole: WholeVault, allowed: Allowance, way: string): Promise<void> {
  const client = await whole.open();
  assertPoints(whole, client, allowed, way);
  for (const point of client.log.fold.points.keys()) {
    if (allowed.unanswered !== undefined && !whole.expected.has(point)) whole.expected.set(point, allowed.unanswered);
  }
  await whole.backUp(client);
  const { purged } = await whole.prune(client, { closeStalled: true });
  for (const { point } of purged) if (allowed.mayGo?.has(point)) whole.expected.delete(point);
}
