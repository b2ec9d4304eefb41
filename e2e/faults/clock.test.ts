import assert from "node:assert/strict";
import { test } from "node:test";

import { deletePoint } from "#ops/points/delete-points.ts";
import { confirmClock } from "#ops/prune/confirm-clock.ts";
import { memoryStore } from "#store/memory.ts";
import { assertPoints, WholeVault } from "#testing/vaults/whole-vault.ts";
import type { PointId } from "#vault/object/ids.ts";

const { signal } = new AbortController();

/** Eight points, one a day, of which a rule keeps two; the oldest was deleted by hand just now. */
async function eightPoints(): Promise<{ readonly whole: WholeVault; readonly oldest: PointId }> {
  const whole = await WholeVault.make("clock", 20, { keep: "daily=2", store: memoryStore({ singleDisk: false }) });
  for (let day = 0; day < 8; day++) {
    whole.change(day, 3);
    await whole.backUp(await whole.open());
    whole.now = whole.now.add({ hours: 24 });
  }
  const [oldest] = whole.expected.keys();
  assert.ok(oldest !== undefined);
  await deletePoint((await whole.open()).log, oldest, "test", signal);
  return { whole, oldest };
}

for (const years of [30, -30, 1]) {
  test(`a clock ${years} years off at a prune removes nothing, and the prune says why`, async () => {
    const { whole } = await eightPoints();
    const right = whole.now;
    whole.now = right.add({ hours: years * 365 * 24 });
    const { deleted, purged, closed, warnings } = await whole.prune(await whole.open());
    assert.deepEqual([deleted, purged, closed], [[], [], null]);
    assert.match(warnings.join(), /CLOCK_DOUBTFUL/);

    whole.now = right;
    const client = await whole.open();
    assertPoints(whole, client, {}, "after");
    assert.equal((await whole.check(client)).ok, true);
    const confirmed = await whole.open();
    await confirmClock(confirmed.log, whole.now, signal);
    assert.equal((await whole.prune(confirmed)).deleted.length, 5);
  });

  test(`a clock ${years} years off at a backup costs no point, neither then nor later`, async () => {
    const { whole, oldest } = await eightPoints();
    const right = whole.now;
    whole.now = right.add({ hours: years * 365 * 24 });
    const { point } = await whole.backUp(await whole.open());
    assert.equal((await whole.open()).log.fold.points.get(point.point)?.dateDoubtful, true);
    for (const now of [whole.now, right, right.add({ hours: 24 * 20 })]) {
      whole.now = now;
      const { deleted, purged, warnings } = await whole.prune(await whole.open());
      assert.deepEqual([deleted, purged], [[], []]);
      assert.match(warnings.join(), /CLOCK_DOUBTFUL/);
    }

    whole.now = right.add({ hours: 24 });
    const client = await whole.open();
    assertPoints(whole, client, {}, "after");
    await confirmClock(client.log, whole.now, signal);
    whole.change(11, 3);
    await whole.backUp(client);
    const after = await whole.prune(client);
    assert.ok(after.deleted.length > 0 && after.warnings.length === 0, after.warnings.join());
    assert.deepEqual(after.purged, []);
    assertPoints(whole, await whole.open(), {}, "after a person confirmed the clock");
    await whole.pass(client, 15);
    const later = await whole.prune(client);
    assert.ok(later.purged.some((purged) => purged.point === oldest));
    for (const purged of later.purged) whole.expected.delete(purged.point);
    assertPoints(whole, await whole.open(), {}, "two weeks later");
    assert.equal((await whole.check(await whole.open())).ok, true);
  });
}
