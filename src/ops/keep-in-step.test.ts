import assert from "node:assert/strict";
import { test } from "node:test";

import { LockstepError } from "#errors/errors.ts";
import type { ErrorCode } from "#errors/errors.ts";
import { keepInStep } from "#ops/keep-in-step.ts";
import type { Anew, InStep } from "#ops/keep-in-step.ts";
import { lightTerms, pointLights } from "#ops/point-light.ts";
import { InStepBench } from "#testing/in-step-bench.ts";
import type { PointId } from "#vault/ids.ts";

function step(bench: InStepBench, points: readonly PointId[], anew: Anew = false): Promise<InStep> {
  return keepInStep(bench.deps, points, { anew, progress: () => undefined }, bench.signal);
}

function lightOf(bench: InStepBench, point: PointId) {
  const state = bench.log.fold.points.get(point);
  assert.ok(state !== undefined);
  return pointLights(bench.log.fold, lightTerms, bench.vault.now())(state);
}

test("a point is amber until it is tried, green once a key opened it, and amber again when that was long ago", async () => {
  using bench = await InStepBench.make("a light's life");
  await bench.bindKey();
  const point = await bench.backUp();
  assert.equal(lightOf(bench, point).light, "amber");
  const { trouble, report } = await step(bench, [point]);
  assert.deepEqual([trouble, report?.warnings], [null, []]);
  assert.partialDeepStrictEqual(lightOf(bench, point), { light: "green", versions: ["web01/v1"], reasons: [] });
  bench.pass({ days: 8 });
  assert.deepEqual(
    lightOf(bench, point).reasons.map(({ code }) => code),
    ["NOT_TRIED_LATELY"],
  );
  await step(bench, [point]);
  assert.equal(lightOf(bench, point).light, "green");
});

test("a version that is deleted turns its points red, and that they were green is not forgotten", async () => {
  using bench = await InStepBench.make("a light lost");
  await bench.bindKey();
  const point = await bench.backUp();
  await step(bench, [point]);
  bench.keySide.side.store.db.exec("UPDATE versions SET enabled = 0");
  bench.pass({ days: 1 });
  await step(bench, [point]);
  const { light, reasons, lost } = lightOf(bench, point);
  assert.deepEqual([light, reasons.map(({ code }) => code)], ["red", ["VERSION_UNUSABLE"]]);
  const openedAt = Temporal.Instant.from("2026-01-01T00:00:00Z");
  assert.deepEqual(lost, [{ where: "disk sda, volume 1", openedAt, verdict: "version unusable" }]);
  bench.keySide.side.store.db.exec("UPDATE versions SET enabled = 1");
  await step(bench, [point]);
  assert.partialDeepStrictEqual(lightOf(bench, point), { light: "green", lost: [] });
});

test("a key side that fails in whatever way is no failure of this, and what was stated before is logged", async () => {
  const codes: readonly ErrorCode[] = ["KEY_SIDE_UNREACHABLE", "KEY_STORE_SEALED", "RATE_LIMITED", "NOT_ALLOWED"];
  for (const code of codes) {
    using bench = await InStepBench.make(`fails ${code}`);
    await bench.bindKey();
    const points = [await bench.backUp(), await bench.backUp()];
    let begun = 0;
    const { client } = bench;
    bench.client = {
      call: (name, input, signal) => {
        if (name === "proof.begin" && ++begun === 2) return Promise.reject(new LockstepError(code, "no"));
        return client.call(name, input, signal);
      },
    };
    const { trouble, proved } = await step(bench, points);
    assert.deepEqual([trouble?.code, proved.size], [code, 1]);
    assert.deepEqual(
      points.map((point) => lightOf(bench, point).light),
      ["green", "amber"],
    );
  }
});

test("sealed, the key side hears of the points all the same", async () => {
  using bench = await InStepBench.make("sealed");
  await bench.bindKey();
  const point = await bench.backUp();
  await bench.keySide.as("custodian", "store.seal", {});
  const { trouble, report } = await step(bench, [point]);
  assert.equal(trouble?.code, "KEY_STORE_SEALED");
  assert.deepEqual(report, { receipt: null, quarantined: 0, warnings: [] });
  assert.equal(lightOf(bench, point).light, "amber");
});

test("a vault that nobody made known to the key side is amber, and the key side says what to do", async () => {
  using bench = await InStepBench.make("not enrolled");
  const point = await bench.backUp();
  const { vaultId } = bench.vault.keyring.keys;
  bench.keySide.side.store.db.prepare("DELETE FROM vaults WHERE id = ?").run(vaultId);
  const { trouble } = await step(bench, [point]);
  assert.ok(trouble !== null);
  assert.match(trouble.hint ?? "", /lockstep/);
});

test("points in which nothing is encrypted are reported, and nothing of them is asked", async () => {
  using bench = await InStepBench.make("plain");
  bench.content.fill(0);
  const point = await bench.backUp();
  const { trouble, proved, report } = await step(bench, [point]);
  assert.deepEqual([trouble, proved.size, report?.quarantined], [null, 0, 0]);
  assert.equal(lightOf(bench, point).light, "plain");
});

test("one derivation a header renews the proofs of all points that have it", async () => {
  using bench = await InStepBench.make("each header once");
  await bench.bindKey();
  const points: PointId[] = [];
  for (let day = 0; day < 3; day++) {
    points.push(await bench.backUp());
    bench.pass({ days: 1 });
  }
  await step(bench, points);
  bench.pass({ days: 5 });
  const asked: boolean[] = [];
  const { client } = bench;
  bench.client = {
    call: (name, input, signal) => {
      if ("anew" in input) asked.push(input.anew);
      return client.call(name, input, signal);
    },
  };
  await step(bench, points, "each header once");
  assert.deepEqual(asked, [true, false, false]);
  const now = bench.vault.now();
  for (const point of points) {
    const { openedAt } = lightOf(bench, point);
    assert.ok(openedAt !== null && Temporal.Instant.compare(openedAt, now) === 0);
  }
});
