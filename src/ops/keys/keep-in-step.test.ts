import assert from "node:assert/strict";
import { test } from "node:test";

import { base64 } from "#bytes/text.ts";
import { LockstepError } from "#errors/errors.ts";
import type { ErrorCode } from "#errors/errors.ts";
import { keepInStep } from "#ops/keys/keep-in-step.ts";
import type { InStep } from "#ops/keys/keep-in-step.ts";
import { adoptKeyStore } from "#ops/keys/known-key-store.ts";
import { pointLights } from "#ops/points/point-light.ts";
import { InStepBench } from "#testing/keys/in-step-bench.ts";
import { testKeySide } from "#testing/keys/key-side.ts";
import { sampleMaterial } from "#testing/volumes/luks1-sample.ts";
import type { PointId } from "#vault/object/ids.ts";

const MIB = 1024 * 1024;

function step(bench: InStepBench, points: readonly PointId[], anew = false): Promise<InStep> {
  return keepInStep(bench.deps, points, { anew, progress: () => undefined }, bench.signal);
}

function lightOf(bench: InStepBench, point: PointId) {
  const state = bench.log.fold.points.get(point);
  assert.ok(state !== undefined);
  return pointLights(bench.log.fold, bench.vault.now())(state);
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
  const codes: readonly ErrorCode[] = ["KEY_SIDE_UNREACHABLE", "KEY_STORE_SEALED", "NOT_ALLOWED"];
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

test("one derivation a header renews the proofs of all points that have it, when half of their time is over", async () => {
  using bench = await InStepBench.make("each header once");
  await bench.bindKey();
  const points: PointId[] = [];
  for (let day = 0; day < 3; day++) {
    points.push(await bench.backUp());
    bench.pass({ days: 1 });
  }
  await step(bench, points);
  const asked: boolean[] = [];
  const { client } = bench;
  bench.client = {
    call: (name, input, signal) => {
      if ("anew" in input) asked.push(input.anew);
      return client.call(name, input, signal);
    },
  };
  bench.pass({ days: 3 });
  await step(bench, points);
  assert.deepEqual(asked.splice(0), [false, false, false]);
  bench.pass({ days: 1 });
  await step(bench, points);
  assert.deepEqual(asked, [true, false, false]);
  const now = bench.vault.now();
  for (const point of points) {
    const { openedAt } = lightOf(bench, point);
    assert.ok(openedAt !== null && Temporal.Instant.compare(openedAt, now) === 0);
  }
});

test("a machine whose points are tried every day is green all the time, whatever the key store's policy is", async () => {
  for (const proofIntervalDays of [2, 7, 30]) {
    using bench = await InStepBench.make(`daily, ${proofIntervalDays}`);
    await bench.bindKey();
    await bench.keySide.as("custodian", "policy.set", { proofIntervalDays });
    const point = await bench.backUp();
    for (let day = 0; day < 20; day++) {
      await step(bench, [point]);
      bench.pass({ hours: 24, minutes: 20 });
      assert.equal(lightOf(bench, point).light, "green", `after ${day} days`);
    }
    bench.pass({ days: proofIntervalDays });
    assert.equal(lightOf(bench, point).light, "amber");
  }
});

test("a key store that is not the one that the log knows is told nothing and believed nothing, until a custodian says so", async () => {
  using bench = await InStepBench.make("another key store");
  await bench.bindKey();
  const point = await bench.backUp();
  const own = bench.client;
  await step(bench, [point]);
  const known = bench.log.fold.keyStore;
  bench.pass({ days: 8 });
  using other = await testKeySide();
  const asked: string[] = [];
  bench.client = {
    call: (name, input) => {
      asked.push(name);
      return other.as("backup", name, input);
    },
  };
  const { trouble } = await step(bench, [point]);
  assert.equal(trouble?.code, "KEY_STORE_OTHER");
  assert.deepEqual([asked, bench.log.fold.keyStore, lightOf(bench, point).light], [["store.show"], known, "amber"]);

  assert.equal(await adoptKeyStore(bench.deps, bench.signal), true);
  const { store } = bench.log.fold.keyStore ?? {};
  assert.equal(store, other.side.store.facts().id);
  bench.client = own;
  assert.equal((await step(bench, [point])).trouble?.code, "KEY_STORE_OTHER");
});

test("a log with receipts of another key store, and no word of which it knew, believes none before a custodian says so", async () => {
  using bench = await InStepBench.make("receipts alone");
  await bench.bindKey();
  const point = await bench.backUp();
  const found = { epoch: 1, at: "2026-01-01T00:00:00Z", auditSeq: 5, auditHash: "b".repeat(64), copy: 1 };
  const receipt = { store: "a".repeat(32), ...found, signature: base64(new Uint8Array(64)) };
  await bench.log.append(() => ({ type: "receipt", compatible: true, receipt }), bench.signal);
  assert.equal((await step(bench, [point])).trouble?.code, "KEY_STORE_OTHER");
  assert.equal(bench.log.fold.keyStore, null);
  assert.equal(await adoptKeyStore(bench.deps, bench.signal), true);
  assert.equal((await step(bench, [point])).trouble, null);
});

test("a volume whose key version is damaged is named, and the others are proved", async () => {
  using bench = await InStepBench.make("one is damaged");
  await bench.bindKey();
  const points = [await bench.backUp(), await bench.backUp()];
  const { client } = bench;
  bench.client = {
    call: (name, input, signal) =>
      "point" in input && input.point === points[0]
        ? Promise.reject(new LockstepError("KEY_STORE_CORRUPT", "web01/v1 is damaged"))
        : client.call(name, input, signal),
  };
  const { trouble, proved } = await step(bench, points);
  const whys = points.map((point) => proved.get(point)?.[0]?.why);
  assert.deepEqual([trouble, whys], [null, ["web01/v1 is damaged [KEY_STORE_CORRUPT]", null]]);
  assert.deepEqual(
    points.map((point) => lightOf(bench, point).light),
    ["amber", "green"],
  );
});

test("a binding whose protector the newest point does not have is said, and one that was made since is not", async () => {
  using bench = await InStepBench.make("gone");
  await bench.bindKey();
  const first = await bench.backUp();
  assert.deepEqual((await step(bench, [first])).gone, []); // it was bound at the time of the point
  bench.pass({ days: 1 });
  assert.deepEqual((await step(bench, [await bench.backUp()])).gone, []);
  bench.pass({ days: 1 });
  const at = MIB + sampleMaterial(3).offsetBytes; // of the keyslot that it is bound to
  bench.content[at] = (bench.content[at] ?? 0) ^ 1;
  const { gone } = await step(bench, [await bench.backUp()]);
  assert.deepEqual(
    gone.map(({ version, place, boundBy }) => [version, place?.disk, boundBy]),
    [["web01/v1", "sda", null]],
  );
});
