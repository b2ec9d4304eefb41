import type { Random } from "#crypto/derive.ts";
import {
  aBackup,
  aCheck,
  aNewWay,
  anotherBackup,
  aPrune,
  aRekey,
  aRemovedWay,
  aRemovedWayAndRekey,
  deleteOf,
  restoreOf,
  undeleteOf,
} from "#testing/worlds/participants.ts";
import type { Participant } from "#testing/worlds/participants.ts";
import { everyOrder, runOrder } from "#testing/worlds/schedules.ts";
import type { Circumstances } from "#testing/worlds/schedules.ts";
import { SharedWorld } from "#testing/worlds/shared-world.ts";
import type { WorldTraits } from "#testing/worlds/shared-world.ts";

/** An operation of the table in docs/concurrency.md. */
type Operation = {
  readonly who: readonly Participant[];
  /** Who does it as the other one of a pair, if not the same. */
  readonly other?: Participant;
  /** What a world has for it. */
  readonly needs?: WorldTraits;
};

const healing = (backup: Participant): Participant => ({ ...backup, name: `healing ${backup.name}` });

/** By their names in the table. */
export const operations: ReadonlyMap<string, Operation> = new Map<string, Operation>([
  ["backup", { who: [aBackup], other: anotherBackup }],
  ["healing backup", { who: [healing(aBackup)], other: healing(anotherBackup), needs: { damaged: true } }],
  ["prune", { who: [aPrune] }],
  ["rekey", { who: [aRekey] }],
  ["check", { who: [aCheck] }],
  ["restore", { who: [restoreOf("gone"), restoreOf("old")] }],
  ["delete, undelete", { who: [deleteOf("newest"), undeleteOf("gone")] }],
  ["unlock changes", { who: [aNewWay, aRemovedWay, aRemovedWayAndRekey], needs: { keyring: true } }],
]);

const DAY = 24;
const YEAR = 365 * DAY;
const clocks: readonly Circumstances["hoursAhead"][] = [
  [0, 0],
  [DAY, -DAY],
  [-DAY, DAY],
  [YEAR, 0],
  [0, YEAR],
];
const answers: readonly Circumstances["unanswered"][] = [null, "before", "after", "delayed"];
const weeks: readonly Circumstances["weeks"][] = [[], [aBackup, aPrune, aPrune], [aPrune, aPrune]];

export type RowOptions = {
  /** Decides what is drawn. */
  readonly random: Random;
  /** How many orders with troubles are run of each pair. */
  readonly draws: number;
};

/**
 * Explores a row of the table: each pair in every order of its calls (of the pairs with the most orders, a part from the
 * thirtieth on), and then with troubles that are drawn: clocks that are off, calls that get no answer, weeks that go by. The
 * first one of a pair then stops at each of its calls, or where these are more than there are draws left, at a drawn one.
 *
 * @returns  what was done for each pair, in words
 */
export async function* exploreRow(row: string, { random, draws }: RowOptions): AsyncGenerator<string> {
  const below = (limit: number): number => new DataView(random(4).buffer).getUint32(0) % limit;
  const draw = <Value>(of: readonly Value[]): Value => of[below(of.length)] as Value;
  const worlds = new Map<string, Promise<SharedWorld>>();
  const worldWith = async (traits: WorldTraits): Promise<SharedWorld> => {
    const name = JSON.stringify(traits);
    const world = worlds.get(name) ?? SharedWorld.make(traits);
    worlds.set(name, world);
    return await world;
  };

  for (const { first, second, needs } of pairsOf(row)) {
    const traits = { newDataKey: true, ...needs };
    const pair = { world: await worldWith(traits), first, second };
    const ends = new Set<string>();
    const alone = await everyOrder(pair, ends, (runs) => runs < 30 || below(8) === 0);
    let drawn = 0;
    while (drawn < draws) {
      const world = await worldWith(draw([traits, { ...traits, damaged: true }, { ...traits, singleDisk: true }]));
      const others = draw([Infinity, 1 + below(alone.others)]);
      const circumstances = {
        hoursAhead: draw(clocks),
        unanswered: draw(answers),
        weeks: draw(weeks),
        wakes: draw([true, false]),
      };
      const every = Array.from({ length: alone.calls + 1 }, (_, calls) => calls);
      const stops = every.length <= draws - drawn ? every : [draw(every)];
      for (const calls of stops) await runOrder({ ...pair, world }, { calls, others }, circumstances, ends);
      drawn += stops.length;
    }
    const { orders, runs } = alone;
    yield `${first.name}, ${second.name}: ${orders} orders by ${runs} runs, ${drawn} with troubles, ${ends.size} ends`;
  }
}

function pairsOf(row: string): { first: Participant; second: Participant; needs: WorldTraits }[] {
  const { who: firsts = [], needs } = operations.get(row) ?? {};
  return firsts.flatMap((first) =>
    [...operations.values()].flatMap((column) =>
      (column.other === undefined ? column.who : [column.other]).map((second) => {
        return { first, second, needs: { ...needs, ...column.needs } };
      }),
    ),
  );
}
