import { LockstepError } from "#errors/errors.ts";
import { DayBudget } from "#keys/access/day-budget.ts";
import { loadPolicy } from "#keys/access/policy.ts";
import { FairQueue } from "#keys/derivations/fair-queue.ts";
import type { KeyStore } from "#keys/key-store.ts";
import { costOf } from "#volume/header/kdf-cost.ts";
import type { KeyDeriver } from "#volume/header/kdf.ts";

/** Derivations at once: each may take a gigabyte. */
const AT_ONCE = 1;
/** The line in which what custodians have tried waits: one turn for each of a machine whose proofs wait. */
const CUSTODIANS = "custodians";

/** All derivations of a key side: one at a time, askers in turn, within budgets of the day. */
export class Derivations {
  readonly #store: KeyStore;
  readonly #queue = new FairQueue(AT_ONCE);
  readonly #seconds = new DayBudget();

  constructor(store: KeyStore) {
    this.#store = store;
  }

  /** Does `work`, which derives, when it is its turn. @throws {LockstepError} CANCELLED while it waits; and what `work` throws */
  run<T>(line: string, work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    return this.#queue.run(line, work, signal);
  }

  /**
   * Takes seconds of derivation from the budgets of today. One derivation a day is always allowed, whatever it costs.
   *
   * @param purses  of each so much is taken
   * @param doing   such as `proving a volume`
   * @throws {LockstepError} RATE_LIMITED: one of them has not so much left
   */
  spend(purses: readonly string[], seconds: number, doing: string): void {
    const now = this.#store.deps.now();
    const most = loadPolicy(this.#store).proofSecondsPerDay;
    const spent = Math.max(...purses.map((purse) => this.#seconds.spent(purse, now)));
    if (spent > 0 && spent + seconds > most) {
      const found = `${Math.round(spent)} of ${most} s of key derivation are spent for this machine or volume today`;
      throw new LockstepError("RATE_LIMITED", `${doing}: ${found}, and it takes ${Math.ceil(seconds)} s`, {
        hint: "It is tried again tomorrow; a custodian can allow more with `lockstep policy set`.",
      });
    }
    for (const purse of purses) this.#seconds.spend(purse, seconds, now);
  }
}

const all = new WeakMap<KeyStore, Derivations>();

/** The derivations of a store's key side: the same for all that ask, so that none passes the others by. */
export function derivationsOf(store: KeyStore): Derivations {
  const known = all.get(store) ?? new Derivations(store);
  all.set(store, known);
  return known;
}

/**
 * Derives what a custodian has tried, each derivation in its turn. Its budget is apart from that of proofs, so that neither can spend
 * the other's.
 *
 * @param volumeIdentity  whose budget it takes from; null: from none
 * @throws {LockstepError} RATE_LIMITED; and what `kdf` throws
 */
export function custodianDeriver(store: KeyStore, kdf: KeyDeriver, volumeIdentity: string | null): KeyDeriver {
  const derivations = derivationsOf(store);
  return {
    derive: (request, secret, signal) =>
      derivations.run(
        CUSTODIANS,
        async () => {
          if (volumeIdentity !== null) {
            const { seconds } = costOf(request);
            derivations.spend([`trials of volume ${volumeIdentity}`], seconds, "trying a version");
          }
          return kdf.derive(request, secret, signal);
        },
        signal,
      ),
  };
}
