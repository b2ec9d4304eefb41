import { parentPort, workerData } from "node:worker_threads";

import { seededRandom } from "#testing/random.ts";
import { exploreRow } from "#testing/worlds/pairs.ts";

/* A thread of its own: the test runner watches every promise of its own thread, which takes as long as the exploring. */

const { row, draws, seed } = workerData as { readonly row: string; readonly draws: number; readonly seed: string };

for await (const line of exploreRow(row, { draws, random: seededRandom(`${seed} ${row}`) })) {
  parentPort?.postMessage(line);
}
