import assert from "node:assert/strict";

import type { Loss } from "./year-losses.ts";
import { CHECK_DAYS } from "./year-world.ts";
import type { YearWorld } from "./year-world.ts";

/** A loss that was planted, and how many days passed until somebody was told. */
export type Noticed = {
  readonly day: number;
  readonly loss: string;
  readonly machine: string;
  readonly afterDays: number;
};

/** A month's day on which nothing else is due until the next check of all points. */
const PLANT_AT = 24;
const MONTH = 30;
/** Points that a person deletes count in what status says until they are purged: two weeks, and until the next prune. */
const QUIET_DAYS = 18;

/**
 * Lets days pass, plants a loss each month, and holds that on each day what must hold does; that each loss is noticed within a check
 * cycle; that nothing else is told; and that after it was put right all is well again.
 *
 * @throws an AssertionError that names the day
 */
export async function runDays(world: YearWorld, days: number, losses: readonly Loss[]): Promise<readonly Noticed[]> {
  const noticed: Noticed[] = [];
  while (world.day < days) {
    if (world.day % MONTH === PLANT_AT - 1 && world.day + MONTH / 3 < days) {
      const months = Math.floor(world.day / MONTH);
      const loss = losses[months % losses.length];
      const machine = world.machines[Math.floor(months / losses.length + months) % world.machines.length];
      if (loss !== undefined && machine !== undefined) {
        const day = world.day + 1;
        const putRight = await loss.plant(world, machine);
        const afterDays = await untilNoticed(world, loss);
        noticed.push({ day, loss: loss.name, machine: machine.name, afterDays });
        await putRight();
        await untilQuiet(world, loss);
        continue;
      }
    }
    await world.passQuietDay();
  }
  return noticed;
}

async function untilNoticed(world: YearWorld, loss: Loss): Promise<number> {
  for (let passed = 1; passed <= CHECK_DAYS; passed++) {
    await world.passDay();
    assertOnly(world, loss);
    if (world.signs.size > 0) return passed;
    if (loss.losesValue !== true) await world.assertInvariants();
  }
  throw new assert.AssertionError({ message: `day ${world.day}: nobody was told that ${loss.name}` });
}

async function untilQuiet(world: YearWorld, loss: Loss): Promise<void> {
  for (let passed = 1; passed <= QUIET_DAYS; passed++) {
    await world.passDay();
    assertOnly(world, loss);
    await world.assertInvariants();
    if (world.signs.size === 0) return;
  }
  const left = [...world.signs].join("; ");
  throw new assert.AssertionError({ message: `day ${world.day}: ${loss.name}; it was put right, and yet: ${left}` });
}

function assertOnly(world: YearWorld, loss: Loss): void {
  for (const sign of world.signs) assert.match(sign, loss.signs, `day ${world.day}: ${loss.name}`);
}
