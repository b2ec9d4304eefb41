import { createHash } from "node:crypto";

import { isLockstepError } from "#errors/errors.ts";
import { faultyStore } from "#testing/stores/faulty-store.ts";
import type { Fault } from "#testing/stores/faulty-store.ts";
import type { StoreCall } from "#testing/stores/intercepted-store.ts";
import { takeSnapshot } from "#testing/stores/store-snapshot.ts";
import { Actor } from "#testing/worlds/actor.ts";
import type { Outcome } from "#testing/worlds/actor.ts";
import { verifyAftermath } from "#testing/worlds/aftermath.ts";
import type { Participation } from "#testing/worlds/aftermath.ts";
import type { Answer, Participant } from "#testing/worlds/participants.ts";
import type { SharedWorld, WorldCopy } from "#testing/worlds/shared-world.ts";

/** Two who work in a world at the same time. */
export type Pair = { readonly world: SharedWorld; readonly first: Participant; readonly second: Participant };

/** What the two meet beside each other. */
export type Circumstances = {
  /** How many hours the clocks of the two are ahead. */
  readonly hoursAhead: readonly [first: number, second: number];
  /** What became of the last call before the first one stopped, which got no answer. When it wakes up it repeats a put. */
  readonly unanswered: Fault | null;
  /** Who work while the two stand still: the first of them when a week went by, each other one after 15 more days. */
  readonly weeks: readonly Participant[];
  /** False: the first one never goes on. */
  readonly wakes: boolean;
};

/**
 * The first one makes some calls and stops, the second one makes some and stops (none, if infinite); then the first one
 * goes on to its end, then the second one.
 */
export type Order = { readonly calls: number; readonly others: number };

/** How many orders were covered, how many of them had to be run, and how many calls each of the two makes alone. */
export type Explored = {
  readonly orders: number;
  readonly runs: number;
  readonly calls: number;
  readonly others: number;
};

type Ran = { readonly first: readonly StoreCall[]; readonly second: readonly StoreCall[] };

export const undisturbed: Circumstances = { hoursAhead: [0, 0], unanswered: null, weeks: [], wakes: true };

/**
 * Lets two work in every order that stops each of them once. After each, what is left must be sound.
 *
 * An order is not run when it only moves a call across calls of the other one that have nothing to do with it: the order
 * that it was moved in is the same.
 *
 * @param ends   see `runOrder`
 * @param keeps  whether to run one more order of those that stop both, when so many were run
 */
export async function everyOrder(
  pair: Pair,
  ends = new Set<string>(),
  keeps = (_runs: number): boolean => true,
): Promise<Explored> {
  let orders = 2;
  let runs = 0;
  const run = async (calls: number, others: number): Promise<Ran> => {
    runs++;
    return runOrder(pair, { calls, others }, undisturbed, ends);
  };

  const alone = (await run(Infinity, 0)).first;
  let last = await run(0, Infinity); // of the orders that stop the first one only: the newest that was run
  const firsts: (readonly StoreCall[] | undefined)[] = []; // by where the second one stops: what the first one called then
  for (let calls = 1; calls <= last.first.length; calls++) {
    const crossed = last.first.slice(calls - 1, calls);
    const before = last.second;
    if (disturb(crossed, before)) last = await run(calls, Infinity);
    firsts[0] = alone;
    for (let others = 1; others < last.second.length; others++) {
      if (!disturb(crossed, before.slice(0, others))) continue; // the same as when the first one stopped a call earlier
      const rest = firsts[others - 1]?.slice(calls);
      const isSame = rest !== undefined && !disturb(last.second.slice(others - 1, others), rest);
      if (isSame) firsts[others] = firsts[others - 1];
      else firsts[others] = keeps(runs) ? (await run(calls, others)).first : undefined;
    }
    orders += last.second.length;
  }
  return { orders, runs, calls: alone.length, others: last.second.length };
}

/** Stops the first one after each of the calls that it makes alone, and lets the second one run to its end. */
export async function everyStop(pair: Pair, circumstances: Circumstances): Promise<void> {
  const ends = new Set<string>();
  const alone = await runOrder(pair, { calls: Infinity, others: 0 }, undisturbed, ends);
  for (let calls = 0; calls <= alone.first.length; calls++) {
    await runOrder(pair, { calls, others: Infinity }, circumstances, ends);
  }
}

/** Whether it makes a difference if calls come before or after others. */
function disturb(calls: readonly StoreCall[], others: readonly StoreCall[]): boolean {
  return calls.some((call) => others.some((other) => (isChange(call) || isChange(other)) && overlap(call, other)));
}

function isChange({ operation }: StoreCall): boolean {
  return operation === "put" || operation === "delete";
}

function overlap(one: StoreCall, other: StoreCall): boolean {
  if (one.operation === "list") return other.key.startsWith(one.key);
  return other.operation === "list" ? one.key.startsWith(other.key) : one.key === other.key;
}

/**
 * Runs one order, and verifies what it leaves.
 *
 * @param ends  digests of states that were verified: such a one is not verified again
 */
export async function runOrder(
  pair: Pair,
  { calls, others }: Order,
  { hoursAhead, unanswered, weeks, wakes }: Circumstances,
  ends: Set<string>,
): Promise<Ran> {
  const { world, first, second } = pair;
  const copy = await world.copy();
  const faulty = faultyStore(copy.store);
  const a = await actorOf(copy, first, "first", { hoursAhead: hoursAhead[0], through: faulty.store });
  const b = await actorOf(copy, second, "second", { hoursAhead: hoursAhead[1] });
  if (unanswered !== null && calls > 0) faulty.failAt(faulty.calls() + calls - 1, unanswered);
  await a.runTo(calls);
  await b.runTo(others);
  const took: Participation[] = [];
  for (const [index, who] of weeks.entries()) {
    await copy.pass(index === 0 ? 8 : 15);
    took.push({ who, outcome: await (await actorOf(copy, who, `later ${index}`)).finish() });
  }
  const outcome = wakes ? await a.finish() : a.outcome;
  const lost = unanswered === null ? undefined : a.calls[calls - 1];
  took.push(
    { who: first, outcome: gaveUp(outcome, lost) ? null : outcome },
    { who: second, outcome: await b.finish() },
  );
  await faulty.landPending();

  const end = await digestOf(copy, took);
  if (!ends.has(end)) {
    ends.add(end);
    try {
      await verifyAftermath(copy, took);
    } catch (error) {
      const order = `${first.name} stops after ${calls} calls, ${second.name} after ${others}`;
      const met = JSON.stringify({
        hoursAhead,
        unanswered,
        weeks: weeks.map(({ name }) => name),
        wakes,
        ...world.traits,
      });
      throw new Error(`${order}, ${met}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  }
  return { first: a.calls, second: b.calls };
}

/** Whether somebody's work ended because a call got no answer. A put must be repeated. */
function gaveUp(outcome: Outcome<Answer> | null, lost: StoreCall | undefined): boolean {
  const mayGiveUp = lost !== undefined && lost.operation !== "put";
  return mayGiveUp && outcome !== null && "error" in outcome && isLockstepError(outcome.error, "STORE_UNAVAILABLE");
}

/** The work of somebody who has opened the vault and not begun. */
export async function actorOf(
  copy: WorldCopy,
  who: Participant,
  name: string,
  { hoursAhead = 0, through = copy.store } = {},
): Promise<Actor<Answer>> {
  return await Actor.prepared(through, async (store) => {
    const client = await copy.client(name, store, hoursAhead);
    return () => who.run(client, copy);
  });
}

/** Of what is left, and what there is to verify about it. */
async function digestOf(copy: WorldCopy, took: readonly Participation[]): Promise<string> {
  const hash = createHash("sha256").update(JSON.stringify([copy.world.traits, copy.now, [...copy.purgeable]]));
  for (const [key, bytes] of (await takeSnapshot(copy.store)).objects) hash.update(key).update(bytes);
  for (const { who, outcome } of took)
    hash
      .update(who.name)
      .update(JSON.stringify(outcome, (_, value: unknown) => (value instanceof Uint8Array ? value.length : value)));
  return hash.digest("hex");
}
