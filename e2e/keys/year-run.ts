import assert from "node:assert/strict";

import type { KillWalks } from "./year-kills.ts";
import type { Loss } from "./year-losses.ts";
import { CHECK_DAYS } from "./year-machine.ts";
import type { YearWorld } from "./year-world.ts";

/** A loss that was planted, and how many days passed until somebody was told. */
export type Noticed = {
  readonly day: number;
  readonly loss: string;
  readonly machine: string;
  readonly afterDays: number;
};

/** A loss is planted before day 7 and 22 of each month of 30 days, where the one before is over: on these days nothing else is due. */
const PLANT_DAYS = 15;
const PLANT_AT = 6;
/** Until a check of all points has seen that it was put right, and whatever it left behind has gone. */
const QUIET_DAYS = 18;

/**
 * Lets days pass, plants losses one after the other, and holds that on each day what must hold does; that each loss is noticed within
 * its check cycle; that nothing else is told; and that after it was put right all is well again.
 *
 * @param planted  how many losses were planted before
 * @throws an AssertionError that says what did not hold
 */
async function runDays(
  world: YearWorld,
  days: number,
  losses: readonly Loss[],
  planted: number,
): Promise<readonly Noticed[]> {
  const noticed: Noticed[] = [];
  while (world.day < days) {
    if (world.day % PLANT_DAYS !== PLANT_AT || world.day < 2 * PLANT_DAYS) {
      await world.passQuietDay();
      continue;
    }
    const count = planted + noticed.length;
    const loss = losses[count % losses.length];
    const machine = world.machines[(count + Math.floor(count / losses.length)) % world.machines.length];
    if (loss === undefined || machine === undefined) throw new Error("there are losses and machines");
    const day = world.day + 1;
    const putRight = await loss.plant(world, machine);
    const afterDays = await untilNoticed(world, loss);
    await putRight();
    await untilQuiet(world, loss);
    if (loss.echo !== undefined) world.echo = { signs: loss.echo.signs, untilDay: world.day + loss.echo.days };
    noticed.push({ day, loss: loss.name, machine: machine.name, afterDays });
  }
  return noticed;
}

async function untilNoticed(world: YearWorld, loss: Loss): Promise<number> {
  const { withinDays = CHECK_DAYS, losesValue = false } = loss;
  for (let passed = 1; passed <= withinDays; passed++) {
    await world.passDay();
    assertOnly(world, loss);
    await world.assertHolds(losesValue);
    if (world.signs.size > 0) return passed;
  }
  throw new assert.AssertionError({ message: `nobody was told that ${loss.name}` });
}

async function untilQuiet(world: YearWorld, loss: Loss): Promise<void> {
  for (let passed = 1; passed <= QUIET_DAYS; passed++) {
    await world.passDay();
    assertOnly(world, loss);
    await world.assertHolds();
    if (world.signs.size === 0) return;
    await world.acknowledgeAlarms();
  }
  const left = [...world.signs].join("; ");
  throw new assert.AssertionError({ message: `${loss.name}; it was put right, and yet: ${left}` });
}

function assertOnly(world: YearWorld, loss: Loss): void {
  for (const sign of world.signs) assert.match(sign, loss.signs, `only what comes of it is told: ${loss.name}`);
}

/** What came of years. */
export type YearsResult = {
  readonly days: number;
  readonly counts: YearWorld["counts"];
  readonly kills: number;
  /** By kind of act. */
  readonly walked: KillWalks["walked"];
  /** By the loss's name. */
  readonly noticed: Readonly<Record<string, { readonly times: number; readonly mostDays: number }>>;
  readonly destroyed: number;
  /** Pairs of a header and a value that were opened by nothing but the readers. */
  readonly opened: number;
  /** Points that are left. */
  readonly points: number;
};

/** @param passed  told after each year. @throws an Error that names the day; its cause says what did not hold */
export async function runYears(
  world: YearWorld,
  years: number,
  losses: readonly Loss[],
  passed: (year: number) => void,
): Promise<YearsResult> {
  const all: Noticed[] = [];
  for (let year = 1; year <= years; year++) {
    try {
      all.push(...(await runDays(world, Math.round(year * 365.25), losses, all.length)));
    } catch (error) {
      throw new Error(`day ${world.day} of the simulation`, { cause: error });
    }
    passed(year);
  }
  const { day: days, counts, kills, truth, machines } = world;
  const noticed = Object.entries(Object.groupBy(all, ({ loss }) => loss)).map(([loss, each = []]) => {
    return [loss, { times: each.length, mostDays: Math.max(...each.map(({ afterDays }) => afterDays)) }] as const;
  });
  return {
    days,
    counts,
    kills: kills.kills,
    walked: kills.walked,
    noticed: Object.fromEntries(noticed),
    destroyed: truth.destroyed,
    opened: truth.opened,
    points: machines.reduce((sum, { log }) => sum + log.fold.points.size, 0),
  };
}
