/*
 * Kills Lockstep at random instants, for ever: node bench/kill-loop.ts [MINUTES]
 *
 * The same as the end-to-end test, without its end. It stops at the first thing that is lost, and leaves the folder.
 */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { killOnce, KillRig } from "../e2e/faults/kill-rig.ts";

const endsAtMs = performance.now() + 60_000 * Number(process.argv[2] ?? Infinity);
const KILLS_PER_VAULT = 200;
let kills = 0;
let ended = 0;

while (performance.now() < endsAtMs) {
  const folder = mkdtempSync(join(tmpdir(), "lockstep-kill-loop-"));
  console.log(`${folder}: a new vault`);
  const rig = KillRig.make(folder, 8 * 1024 * 1024);
  const usualMs = new Map<string, number>();
  for (let here = 0; here < KILLS_PER_VAULT && performance.now() < endsAtMs;) {
    if (!(await killOnce(rig, usualMs))) {
      ended++;
      continue;
    }
    here++;
    kills++;
    await rig.assertWhole(3);
    if (kills % 10 === 0)
      console.log(`${kills} killed, ${ended} ended first, ${rig.answered.size} points: nothing lost`);
  }
  await rig.assertWhole(Infinity);
  rig.remove();
}
