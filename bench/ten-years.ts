import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { parseArgs } from "node:util";

import { losses } from "../e2e/keys/year-losses.ts";
import { runYears } from "../e2e/keys/year-run.ts";
import { YearWorld } from "../e2e/keys/year-world.ts";
import { thisHost, yearsPage } from "./ten-years-page.ts";
import type { YearsRun } from "./ten-years-page.ts";

/**
 * node bench/ten-years.ts [--years 10] [--machines 3] [--keep RULE] [--seed SEED] [--losses REGEX] [--picture FILE.svg] [--to FILE.md] [--json]
 *
 * Lets years pass on a set clock, and prints a page: what was done, at which calls it was killed, and which losses were planted and after how
 * many days somebody was told. Ends with an error that names the day where something did not hold. But for the bytes of the headers that
 * cryptsetup makes, nothing but the seed decides what happens. With --losses only those are planted whose names it fits, so that a year has
 * more of each. e2e/keys/year.test.ts is a year of it.
 */
const { values } = parseArgs({
  options: {
    years: { type: "string", default: "10" },
    machines: { type: "string", default: "3" },
    keep: { type: "string", default: "daily=7,weekly=4,monthly=6,yearly=7" },
    seed: { type: "string", default: "ten years" },
    losses: { type: "string", default: "" },
    picture: { type: "string" },
    to: { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const { years, machines, keep, seed, picture, to, json } = values;
const planted = losses.filter(({ name }) => new RegExp(values.losses).test(name));

// Processes are killed here, and no power is cut: so it need not be a disk.
const memory = "/dev/shm";
const folder = mkdtempSync(join(existsSync(memory) ? memory : tmpdir(), "lockstep-years-"));
try {
  using world = await YearWorld.make(seed, { folder, machines: Number(machines), keep });
  const beganMs = performance.now();
  const passed = (year: number): void => (json ? undefined : console.error(`${year} years passed`));
  const result = await runYears(world, Number(years), planted, passed);
  if (picture !== undefined) writeFileSync(picture, `${await world.picture()}\n`);
  const page = yearsPage(result, runOf((performance.now() - beganMs) / 1000));
  console.log(json ? JSON.stringify(result) : page);
  if (to !== undefined) writeFileSync(to, page);
} finally {
  rmSync(folder, { recursive: true });
}

function runOf(seconds: number): YearsRun {
  const date = Temporal.Now.plainDateISO().toString();
  const shown = picture === undefined ? null : relative(dirname(to ?? "."), picture);
  return {
    seed,
    machines: Number(machines),
    keep,
    losses: values.losses,
    seconds,
    picture: shown,
    date,
    host: thisHost(),
  };
}
