import type { Store } from "#store/contract.ts";
import { gatedStore } from "#testing/stores/gated-store.ts";
import type { StoreCall } from "#testing/stores/intercepted-store.ts";

/** How some work ended. */
export type Outcome<Result> = { readonly result: Result } | { readonly error: unknown };

/**
 * Work on a store that can be stopped at each of its calls. It runs only inside `runTo`; one that is never resumed has
 * crashed.
 *
 * The work may wait for its store and for nothing else, above all not for time or threads. So once the microtask queue is
 * empty, all of it stands at the gate, or has ended: which is how `runTo` knows.
 */
export class Actor<Result> {
  readonly #waiting: { readonly index: number; readonly pass: () => void }[] = [];
  #work: (() => Promise<Result>) | null = null;
  #isPrepared = false;
  readonly #calls: StoreCall[] = [];
  #limit = 0;
  #outcome: Outcome<Result> | null = null;

  private constructor() {}

  /**
   * @param prepare  opens what the work needs, through the store that it then has to use; these calls are not stopped
   */
  static async prepared<Result>(
    store: Store,
    prepare: (store: Store) => Promise<() => Promise<Result>>,
  ): Promise<Actor<Result>> {
    const actor = new Actor<Result>();
    actor.#work = await prepare(gatedStore(store, (call) => actor.#gate(call)));
    actor.#isPrepared = true;
    return actor;
  }

  /** Null while it has not ended. */
  get outcome(): Outcome<Result> | null {
    return this.#outcome;
  }

  /** The calls that it made so far, those at the gate too. */
  get calls(): readonly StoreCall[] {
    return this.#calls;
  }

  /**
   * Lets the first `calls` calls happen, and goes on until all that come after them stand at the gate.
   *
   * @returns true when the work has ended
   */
  async runTo(calls: number): Promise<boolean> {
    this.#limit = Math.max(this.#limit, calls);
    this.#start();
    while (this.#waiting[0] !== undefined && this.#waiting[0].index < this.#limit) this.#waiting.shift()?.pass();
    await new Promise((resolve) => setImmediate(resolve)); // its turn comes when no microtask is left
    if (this.#outcome !== null) return true;
    if (this.#waiting.length === 0) throw new Error("an actor waits for something other than its store");
    return false;
  }

  /** Runs on to the end. */
  async finish(): Promise<Outcome<Result>> {
    await this.runTo(Infinity);
    if (this.#outcome === null) throw new Error("an actor stands at a gate that is open");
    return this.#outcome;
  }

  #start(): void {
    const work = this.#work;
    this.#work = null;
    work?.().then(
      (result) => (this.#outcome = { result }),
      (error: unknown) => (this.#outcome = { error }),
    );
  }

  async #gate(call: StoreCall): Promise<void> {
    if (!this.#isPrepared) return;
    const index = this.#calls.push(call) - 1;
    if (index >= this.#limit) await new Promise<void>((pass) => this.#waiting.push({ index, pass }));
  }
}
