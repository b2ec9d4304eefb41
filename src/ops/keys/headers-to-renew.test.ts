import assert from "node:assert/strict";
import { test } from "node:test";

import { keepInStep } from "#ops/keys/keep-in-step.ts";
import { InStepBench } from "#testing/keys/in-step-bench.ts";
import { flip, keysOf } from "#testing/vaults/damage.ts";
import { BENCH_BLOCK_BYTES as BLOCK } from "#testing/vaults/vault-bench.ts";
import type { PointId } from "#vault/object/ids.ts";

/** The points that were asked about since, and whether anew. */
type Asked = [point: PointId, anew: boolean][];

/** Has the content of some points found wrong, as if a file system had been read in the volume before. */
function watch(bench: InStepBench, damaged: readonly PointId[] = []): Asked {
  const asked: Asked = [];
  const { client } = bench;
  const { db } = bench.keySide.side.store;
  bench.client = {
    call: (name, input, signal) => {
      if ("anew" in input) {
        const point = input.point as PointId;
        asked.push([point, input.anew]);
        db.exec("DELETE FROM read_volumes");
        if (damaged.includes(point)) {
          const readMs = bench.vault.now().epochMilliseconds;
          db.prepare("INSERT INTO read_volumes VALUES (?, ?)").run(identityOf(bench, point), readMs);
        }
      }
      return client.call(name, input, signal);
    },
  };
  return asked;
}

function identityOf(bench: InStepBench, point: PointId): string {
  const [disk] = bench.log.fold.points.get(point)?.volumes ?? [];
  return disk?.encrypted?.[0]?.identity ?? assert.fail();
}

async function step(bench: InStepBench, points: readonly PointId[], anew = false): Promise<void> {
  const { trouble } = await keepInStep(bench.deps, points, { anew, progress: () => undefined }, bench.signal);
  assert.equal(trouble, null);
}

function shownOf(bench: InStepBench, point: PointId): [verdict: string | undefined, derivedAt: string | null] {
  const [shown] = bench.log.fold.points.get(point)?.shown ?? [];
  return [shown?.verdict, shown?.derivedAt ?? null];
}

test("a derivation that found a point worse renews no other point's proof of the same header", async () => {
  using bench = await InStepBench.make("worse");
  await bench.bindKey();
  const [hurt, sound] = [await bench.backUp(), await bench.backUp()];
  const asked = watch(bench, [hurt]);
  await step(bench, [sound]);
  bench.pass({ days: 2 });
  await step(bench, [hurt], true);
  assert.equal(shownOf(bench, hurt)[0], "opens, content damaged");
  bench.pass({ days: 2 });
  asked.splice(0);
  await step(bench, [sound]);
  assert.deepEqual(asked, [[sound, true]]);
  assert.deepEqual(shownOf(bench, sound), ["opens", bench.vault.now().toString()]);
});

test("a point whose content is found damaged leaves the renewal of its header to the next one", async () => {
  using bench = await InStepBench.make("content damaged");
  await bench.bindKey();
  const points = [await bench.backUp(), await bench.backUp(), await bench.backUp()];
  const [hurt = assert.fail(), sound = assert.fail(), last = assert.fail()] = points;
  await step(bench, points);
  bench.pass({ days: 4 });
  const asked = watch(bench, [hurt]);
  await step(bench, points);
  assert.deepEqual(asked, [
    [hurt, true],
    [sound, true],
    [last, false],
  ]);
  const now = bench.vault.now().toString();
  assert.deepEqual(
    points.map((point) => shownOf(bench, point)),
    [
      ["opens, content damaged", now],
      ["opens", now],
      ["opens", now],
    ],
  );
});

test("a point whose header cannot be read from the vault leaves its renewal to the next one that has it", async () => {
  using bench = await InStepBench.make("header unreadable");
  await bench.bindKey();
  const hurt = await bench.backUp();
  const content = bench.content.slice();
  bench.content.fill(0);
  await bench.backUp();
  bench.content.set(content); // so the next point has the header of the first one, and blocks of its own
  const sound = await bench.backUp();
  await step(bench, [hurt, sound]);
  const session = bench.log.fold.points.get(hurt)?.session ?? assert.fail();
  for (const key of await keysOf(bench.vaultBench.store, (each) => each.includes(`/data/${session}`))) {
    await flip(bench.vaultBench.store, key, 2 * BLOCK + 100);
  }
  bench.pass({ days: 4 });
  const asked = watch(bench);
  await step(bench, [hurt, sound]);
  assert.deepEqual(asked, [[sound, true]]);
  assert.deepEqual(shownOf(bench, sound), ["opens", bench.vault.now().toString()]);
});
