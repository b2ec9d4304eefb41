import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { losses } from "../e2e/keys/year-losses.ts";
import { runYears } from "../e2e/keys/year-run.ts";
import type { YearsResult } from "../e2e/keys/year-run.ts";
import { YearWorld } from "../e2e/keys/year-world.ts";

/**
 * node bench/ten-years.ts [--years 10] [--machines 3] [--keep RULE] [--seed SEED] [--picture FILE.svg] [--json]
 *
 * Lets years pass on a set clock: prints what was done, at which calls it was killed, and which losses were planted and after how many days
 * somebody was told; ends with an error that names the day where something did not hold. But for the bytes of the headers that cryptsetup
 * makes, nothing but the seed decides what happens. e2e/keys/year.test.ts is a year of it.
 */
const { values } = parseArgs({
  options: {
    years: { type: "string", default: "10" },
    machines: { type: "string", default: "3" },
    keep: { type: "string", default: "daily=7,weekly=4,monthly=6,yearly=7" },
    seed: { type: "string", default: "ten years" },
    picture: { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const { years, machines, keep, seed, picture, json } = values;

// Processes are killed here, and no power is cut: so it need not be a disk.
const memory = "/dev/shm";
const folder = mkdtempSync(join(existsSync(memory) ? memory : tmpdir(), "lockstep-years-"));
try {
  using world = await YearWorld.make(seed, { folder, machines: Number(machines), keep });
  const beganMs = performance.now();
  const passed = (year: number): void => (json ? undefined : console.log(`${year} years passed`));
  const result = await runYears(world, Number(years), losses, passed);
  if (json) console.log(JSON.stringify(result));
  else print(result, (performance.now() - beganMs) / 1000);
  if (picture !== undefined) writeFileSync(picture, `${await world.picture()}\n`);
} finally {
  rmSync(folder, { recursive: true });
}

function print({ days, noticed, walked, ...others }: YearsResult, seconds: number): void {
  console.log(`seed: ${seed}; ${machines} machines; keep ${keep}`);
  for (const [loss, { times, mostDays }] of Object.entries(noticed)) {
    console.log(`planted ${times} times, noticed after at most ${mostDays} days: ${loss}`);
  }
  for (const [act, { calls, rounds }] of Object.entries(walked)) {
    console.log(`killed at each of up to ${calls} calls, ${rounds} times over: ${act}`);
  }
  console.log(JSON.stringify({ days, ...others }));
  console.log(`${seconds.toFixed(0)} s, ${((1000 * seconds) / days).toFixed(0)} ms a day`);
}
