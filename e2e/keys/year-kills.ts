import type { Store } from "#store/contract.ts";
import { interceptedStore } from "#testing/stores/intercepted-store.ts";

/** Who dies at a call: what is called, before or after it did it; or who called, so that nobody hears of what was done. */
export type Way = "before" | "after" | "caller";

/** The first call is 1. */
export type KillPoint = { readonly call: number; readonly way: Way };

/** What a process that was killed does not get an answer to. No code means to have it, so none handles it. */
export class Killed extends Error {}

/** How far the walk over an act has come, and how often the act was there to be killed. */
type Walk = { step: number; rounds: number; calls: number; times: number };

/** After so many rounds an act is killed only one time in so many. */
const DENSE_ROUNDS = 1;
const SELDOM = 8;

/**
 * Kills each kind of act at each of its calls in turn, in each way: a counter walks on from one time to the next, and begins again
 * when an act ended before it came to the call at which it was to die. What was walked over is killed more seldom.
 */
export class KillWalks {
  readonly #walks = new Map<string, Walk>();
  kills = 0;

  /** Lets an act run that dies where the walk is, or does nothing. @param run  says whether it died */
  async next(kind: string, ways: readonly [Way, ...Way[]], run: (at: KillPoint) => Promise<boolean>): Promise<void> {
    const walk = this.#walks.get(kind) ?? { step: 0, rounds: 0, calls: 0, times: 0 };
    this.#walks.set(kind, walk);
    if (++walk.times % SELDOM !== 0 && walk.rounds >= DENSE_ROUNDS) return;
    const call = 1 + Math.floor(walk.step / ways.length);
    if (await run({ call, way: ways[walk.step % ways.length] ?? ways[0] })) {
      this.kills++;
      walk.step++;
      walk.calls = Math.max(walk.calls, call);
    } else {
      walk.step = 0;
      walk.rounds++;
    }
  }

  /** Of each kind of act: at how many calls it was killed, and how often the walk came to its end. */
  get walked(): Readonly<Record<string, { readonly calls: number; readonly rounds: number }>> {
    return Object.fromEntries([...this.#walks].map(([kind, { calls, rounds }]) => [kind, { calls, rounds }]));
  }
}

/**
 * A store whose client dies at a call that changes something: nothing that it asks for from then on happens. Only such calls count, since
 * who dies while he reads leaves what the change before left.
 *
 * @param dies  called at that moment
 */
export function dyingStore(
  inner: Store,
  { call: last, way }: KillPoint,
  dies: () => void = () => undefined,
): { readonly store: Store; readonly died: () => boolean } {
  let calls = 0;
  const store = interceptedStore(inner, async ({ operation, key }, run) => {
    if (calls >= last) throw new Killed(`${operation} of ${key} after the process was killed`);
    if (operation === "put" || operation === "delete") calls++;
    if (calls < last) return run();
    dies();
    if (way !== "before") await run(); // it was on its way
    throw new Killed(`${operation} of ${key}: the process was killed`);
  });
  return { store, died: () => calls >= last };
}

/** Runs something that may die; what it throws after that is of no account. @returns whether it died */
export async function untilKilled(run: () => Promise<unknown>, died: () => boolean): Promise<boolean> {
  try {
    await run();
  } catch (error) {
    if (!died()) throw error;
  }
  return died();
}
