import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { losses } from "../e2e/keys/year-losses.ts";
import { runDays } from "../e2e/keys/year-run.ts";
import type { Noticed } from "../e2e/keys/year-run.ts";
import { YearWorld } from "../e2e/keys/year-world.ts";

/**
 * node bench/ten-years.ts [--years 10] [--luks 2] [--seed SEED] [--picture FILE.svg]
 *
 * Lets years pass on a set clock, as e2e/keys/year.test.ts does: prints what was done, which losses were planted and after how many days
 * somebody was told; ends with an error that names the day where something did not hold. Nothing but the seed decides what happens.
 */
const { values } = parseArgs({
  options: {
    years: { type: "string", default: "10" },
    luks: { type: "string", default: "2" },
    seed: { type: "string", default: "ten years" },
    picture: { type: "string" },
  },
});
const { years, luks, seed, picture } = values;
const keep = "daily=7,weekly=4,monthly=6,yearly=7";
console.log(`seed: ${seed}; ${luks} LUKS2 volumes and one of BitLocker; keep ${keep}`);

const folder = mkdtempSync(join(tmpdir(), "lockstep-years-"));
try {
  using world = await YearWorld.make(seed, { folder, luks: Number(luks), keep });
  const beganMs = performance.now();
  const noticed: Noticed[] = [];
  for (let year = 1; year <= Number(years); year++) {
    noticed.push(...(await runDays(world, Math.round(year * 365.25), losses)));
    console.log(`${year} years passed`);
  }
  const seconds = (performance.now() - beganMs) / 1000;
  for (const { name } of losses) {
    const days = noticed.filter(({ loss }) => loss === name).map(({ afterDays }) => afterDays);
    if (days.length > 0)
      console.log(`planted ${days.length} times, noticed after at most ${Math.max(...days)} days: ${name}`);
  }
  const points = world.machines.reduce((sum, { log }) => sum + [...log.fold.points].length, 0);
  console.log(JSON.stringify({ days: world.day, ...world.counts, destroyed: world.destroyed.size, points }));
  console.log(`${seconds.toFixed(0)} s, ${((1000 * seconds) / world.day).toFixed(0)} ms a day`);
  if (picture !== undefined) writeFileSync(picture, `${await world.picture()}\n`);
} finally {
  rmSync(folder, { recursive: true });
}
