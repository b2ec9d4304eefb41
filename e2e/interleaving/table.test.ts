import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { Worker } from "node:worker_threads";

import { operations } from "#testing/worlds/pairs.ts";

/* Every pair of the table in docs/concurrency.md. */

const seed = process.env["LOCKSTEP_TEST_SEED"] ?? "1";
const draws = Number(process.env["LOCKSTEP_TEST_DRAWS"] ?? 3);

for (const row of operations.keys()) {
  test(`${row}, beside each operation of the table: nothing is lost in any order`, async (t) => {
    t.diagnostic(`LOCKSTEP_TEST_SEED=${seed}`);
    const worker = new Worker(new URL("row-worker.ts", import.meta.url), { workerData: { row, draws, seed } });
    let pairs = 0;
    worker.on("message", (line: string) => {
      pairs++;
      t.diagnostic(line);
    });
    await once(worker, "exit"); // rejects with what the worker threw
    assert.ok(pairs >= operations.size);
  });
}

test("the table has these operations as its rows and its columns, and says the same of a pair in both of its cells", async () => {
  const text = await readFile(new URL("../../docs/concurrency.md", import.meta.url), "utf8");
  const table =
    text
      .split("## Every pair\n")[1]
      ?.split("\n")
      .filter((line) => line.startsWith("|")) ?? [];
  const [head = [], , ...rows] = table.map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
  const names = [...operations.keys()];
  const cells = rows.slice(0, names.length);
  assert.deepEqual([head.slice(1), cells.map(([name]) => name)], [names, names]);
  for (const [i, row] of cells.entries()) {
    for (const j of names.keys()) assert.equal(row[j + 1], cells[j]?.[i + 1], `${names[i]}, ${names[j]}`);
  }
});
