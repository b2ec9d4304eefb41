import { createHash } from "node:crypto";

import { Actor } from "#testing/actor.ts";
import { verifyAftermath } from "#testing/aftermath.ts";
import type { Participation } from "#testing/aftermath.ts";
import type { Answer, Participant } from "#testing/participants.ts";
import type { SharedWorld, WorldCopy } from "#testing/shared-world.ts";
import { takeSnapshot } from "#testing/store-snapshot.ts";

/** How many schedules were run, and in how many different states they left the world. */
export type Explored = { readonly schedules: number; readonly ends: number };

/** How many hours the clocks of the two are ahead. */
export type HoursOff = readonly [first: number, second: number];

/**
 * Lets two work in a world at the same time, in every order of their store calls that stops each of them once: the first
 * one runs for some calls, the second one for some, then the first one to its end, then the second one. After each, what
 * is left must be sound.
 *
 * @param step  1: every number of calls; more: a sample of them
 */
export async function interleave(
  world: SharedWorld,
  first: Participant,
  second: Participant,
  { hoursOff = [0, 0], step = 1 }: { readonly hoursOff?: HoursOff; readonly step?: number } = {},
): Promise<Explored> {
  const ends = new Set<string>();
  let schedules = 0;
  for (let calls = 1, isLast = false; !isLast; calls += step) {
    for (let others = 1, isWhole = false; !isWhole; others += step) {
      const copy = await world.copy();
      const a = await actorOf(copy, first, "first", hoursOff[0]);
      const b = await actorOf(copy, second, "second", hoursOff[1]);
      isLast = await a.runTo(calls);
      isWhole = isLast || (await b.runTo(others));
      const took = [
        { who: first, outcome: await a.finish() },
        { who: second, outcome: await b.finish() },
      ];
      schedules++;
      await verifyOnce(ends, copy, took, `${first.name} stops after ${calls} calls, ${second.name} after ${others}`);
    }
  }
  return { schedules, ends: ends.size };
}

/**
 * Stops the first one after each of its calls: the second one runs to its end, a week goes by, and others back up and
 * prune. That must leave a sound world: the first one may have crashed. Then 15 days go by, others prune again, and the
 * first one wakes up and runs on.
 */
export async function stall(
  world: SharedWorld,
  first: Participant,
  second: Participant,
  ops: readonly Participant[],
): Promise<Explored> {
  const ends = new Set<string>();
  let schedules = 0;
  for (let calls = 0, isLast = false; !isLast; calls++) {
    for (const wakes of [false, true]) {
      const copy = await world.copy();
      const a = await actorOf(copy, first, "first");
      isLast = await a.runTo(calls);
      const took: Participation[] = [];
      const run = async (who: Participant, name: string): Promise<void> => {
        const b = await actorOf(copy, who, name);
        took.push({ who, outcome: await b.finish() });
      };
      await run(second, "second");
      for (const [index, who] of ops.entries()) {
        await copy.pass(index === 0 ? 8 : 15);
        await run(who, `later ${index}`);
      }
      took.push({ who: first, outcome: wakes ? await a.finish() : a.outcome });
      schedules++;
      await verifyOnce(
        ends,
        copy,
        took,
        `${first.name} stops after ${calls} calls and ${wakes ? "wakes up late" : "never wakes up"}`,
      );
    }
  }
  return { schedules, ends: ends.size };
}

async function actorOf(copy: WorldCopy, who: Participant, name: string, hoursOff = 0): Promise<Actor<Answer>> {
  return await Actor.prepared(copy.store, async (store) => {
    const client = await copy.client(name, store, hoursOff);
    return () => who.run(client, copy);
  });
}

/** Verifies what a schedule left, unless another one left the very same. */
async function verifyOnce(
  ends: Set<string>,
  copy: WorldCopy,
  took: readonly Participation[],
  schedule: string,
): Promise<void> {
  const end = await digestOf(copy, took);
  if (ends.has(end)) return;
  ends.add(end);
  try {
    await verifyAftermath(copy, took);
  } catch (error) {
    throw new Error(`${schedule}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

async function digestOf(copy: WorldCopy, took: readonly Participation[]): Promise<string> {
  const hash = createHash("sha256");
  for (const [key, bytes] of (await takeSnapshot(copy.store)).objects) hash.update(key).update(bytes);
  for (const { outcome } of took)
    hash.update(JSON.stringify(outcome, (_, value: unknown) => (value instanceof Uint8Array ? value.length : value)));
  return hash.digest("hex");
}
