import { createHash } from "node:crypto";

import { Actor } from "#testing/actor.ts";
import { verifyAftermath } from "#testing/aftermath.ts";
import type { Participation } from "#testing/aftermath.ts";
import type { StoreCall } from "#testing/intercepted-store.ts";
import type { Answer, Participant } from "#testing/participants.ts";
import type { SharedWorld, WorldCopy } from "#testing/shared-world.ts";
import { takeSnapshot } from "#testing/store-snapshot.ts";

/** How many schedules were covered, how many of them had to be run, and in how many different states they left the world. */
export type Explored = { readonly schedules: number; readonly runs: number; readonly ends: number };

export type InterleaveOptions = {
  /** How many hours the clocks of the two are ahead. */
  readonly hoursAhead?: readonly [first: number, second: number];
  /** More than 1: only every so many calls of each is a place to stop. */
  readonly step?: number;
};

/**
 * Lets two work in a world at the same time, in every order of their store calls that stops each of them once: the first
 * one makes some calls, the second one some, then the first one goes on to its end, then the second one. After each, what
 * is left must be sound.
 *
 * An order is not run when it only moves a read across calls of the other one that do not change what is read: the order
 * that was run before it is the same.
 */
export async function interleave(
  world: SharedWorld,
  first: Participant,
  second: Participant,
  { hoursAhead = [0, 0], step = 1 }: InterleaveOptions = {},
): Promise<Explored> {
  const ends = new Set<string>();
  let schedules = 0;
  let runs = 0;

  const run = async (
    calls: number,
    others: number,
  ): Promise<{ a: Actor<Answer>; b: Actor<Answer>; isLast: boolean }> => {
    const copy = await world.copy();
    const a = await actorOf(copy, first, "first", hoursAhead[0]);
    const b = await actorOf(copy, second, "second", hoursAhead[1]);
    const isLast = await a.runTo(calls);
    await b.runTo(others);
    const took = [
      { who: first, outcome: await a.finish() },
      { who: second, outcome: await b.finish() },
    ];
    runs++;
    await verifyOnce(ends, copy, took, `${first.name} stops after ${calls} calls, ${second.name} after ${others}`);
    return { a, b, isLast };
  };

  let before: readonly StoreCall[] | null = null; // of the second one, when the first one had stopped a call earlier
  for (let calls = 1, isLast = false; !isLast; calls += step) {
    const whole = await run(calls, Infinity);
    ({ isLast } = whole);
    const crossed = whole.a.calls[calls - 1];
    const isSame = (others: number): boolean =>
      step === 1 && before !== null && crossed !== undefined && !disturbs(crossed, before.slice(0, others));
    let rest: readonly StoreCall[] | null = null; // of the first one, after it was stopped in the order that was run last
    for (let others = 1; others < whole.b.calls.length; others += step) {
      schedules++;
      const moved = whole.b.calls[others - 1];
      if (isLast || isSame(others)) continue;
      if (step === 1 && rest !== null && moved !== undefined && !disturbs(moved, rest)) continue;
      const { a } = await run(calls, others);
      rest = a.calls.slice(calls);
    }
    schedules++;
    before = whole.b.calls;
  }
  return { schedules, runs, ends: ends.size };
}

/** Whether it makes a difference if a call comes before or after others. */
function disturbs(call: StoreCall, others: readonly StoreCall[]): boolean {
  if (isChange(call)) return true;
  return others.some(
    (other) => isChange(other) && (call.operation === "list" ? other.key.startsWith(call.key) : other.key === call.key),
  );
}

function isChange({ operation }: StoreCall): boolean {
  return operation === "put" || operation === "delete";
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
  return { schedules, runs: schedules, ends: ends.size };
}

/** The work of somebody who has opened the vault and not begun. */
export async function actorOf(copy: WorldCopy, who: Participant, name: string, hoursOff = 0): Promise<Actor<Answer>> {
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
