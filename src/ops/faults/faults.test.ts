import assert from "node:assert/strict";
import { test } from "node:test";

import { memoryStore } from "#store/memory.ts";
import { badSectorStore } from "#testing/stores/bad-sector-store.ts";
import type { StoreFault } from "#testing/stores/failing-store.ts";
import { keysOf } from "#testing/vaults/damage.ts";
import { WholeVault } from "#testing/vaults/whole-vault.ts";
import { acts } from "#testing/worlds/acts.ts";
import { runWithFault } from "#testing/worlds/fault-run.ts";

/** A sample: e2e/faults makes every call fail in every way. */
const faults: readonly StoreFault[] = [
  { fault: "delayed", lasts: "for ever" },
  { fault: "after", lasts: "once" },
];

for (const act of acts) {
  test(`${act.name}: a store call that fails loses nothing`, async () => {
    const prepared = await act.prepare(memoryStore({ singleDisk: true }));
    for (const [index, fault] of faults.entries()) await runWithFault(prepared, act, fault, 3 + 5 * index);
  });
}

test("a tree that the store does not give is not called damaged", async () => {
  const whole = await WholeVault.make("silent tree", 40, { store: memoryStore({ singleDisk: false }) });
  const client = await whole.open();
  const { point } = await whole.backUp(client);
  const [node = ""] = await keysOf(whole.store, (key) => key.includes("/nodes/"));
  const silent = await whole.open(badSectorStore(whole.store, node));
  await assert.rejects(whole.read(silent, point), { code: "STORE_UNAVAILABLE" });
  const { damage, unread } = await whole.check(silent, { record: true });
  assert.deepEqual([damage, unread.length > 0], [[], true]);
  await assert.rejects(whole.backUp(silent), { code: "STORE_UNAVAILABLE" });
});
