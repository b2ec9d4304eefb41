import { test } from "node:test";

import type { Participant } from "#testing/participants.ts";
import { interleave } from "#testing/schedules.ts";
import type { InterleaveOptions } from "#testing/schedules.ts";
import type { SharedWorld } from "#testing/shared-world.ts";

/** Makes a test of each pair: in whatever order the two make their calls, nothing is lost. */
export function describePairs(
  world: Promise<SharedWorld>,
  firsts: readonly Participant[],
  seconds: readonly Participant[],
  options: InterleaveOptions & { readonly title?: string } = {},
): void {
  for (const first of firsts) {
    for (const second of seconds) {
      test(`${first.name}, stopped by ${second.name}${options.title ?? ""}`, async (t) => {
        const { schedules, runs, ends } = await interleave(await world, first, second, options);
        t.diagnostic(`${schedules} orders, ${runs} of them run, ${ends} different ends`);
      });
    }
  }
}
