import { isLockstepError } from "#errors/errors.ts";
import type { ErrorCode, LockstepError } from "#errors/errors.ts";
import { copyKeys, parseCopyKey } from "#keys/copies/copy-format.ts";
import { placesInUse, savePlaceState } from "#keys/copies/places.ts";
import type { Place } from "#keys/copies/places.ts";
import { copiesIn } from "#keys/copies/stored-copies.ts";
import type { KeyStore } from "#keys/key-store.ts";
import { inTransaction } from "#keys/store/database.ts";
import type { Store } from "#store/contract.ts";

/** What writing copies works with. */
export type CopySide = {
  readonly store: KeyStore;
  /** Opens a place by the key side's own credentials. */
  readonly openPlace: (place: string, signal: AbortSignal) => Promise<Store>;
};

/** So far may a number be ahead of those that a store began: by as much as one that was put back from an older file has forgotten. */
const AHEAD_LIMIT = 10_000;

/** A place that was opened. */
export type OpenPlace = Place & {
  readonly objects: Store;
  /** Numbers of this epoch's copies that lie there. */
  readonly numbers: ReadonlySet<number>;
  /** Whether copies of this epoch were read back there since it was added, and not deleted. */
  readonly hadCopies: boolean;
  /** Whether it refused to delete a copy. */
  keeps: boolean;
};

export type PlaceFailure = {
  readonly id: string;
  readonly place: string;
  readonly failure: string;
  /** What to do about it, in the place's own words; null where it has none. */
  readonly hint: string | null;
  /** It cannot be reached now. */
  readonly isAway: boolean;
};

/** The places of a store, each opened; one that fails is passed over from then on, and why is kept. */
export class OpenPlaces implements AsyncDisposable {
  readonly #store: KeyStore;
  #reachable: readonly OpenPlace[] = [];
  readonly #failures: PlaceFailure[] = [];
  readonly #toClose = new AsyncDisposableStack();

  private constructor(store: KeyStore) {
    this.#store = store;
  }

  static async open(side: CopySide, signal: AbortSignal): Promise<OpenPlaces> {
    const places = new OpenPlaces(side.store);
    const { epoch } = side.store.facts();
    for (const place of placesInUse(side.store)) {
      await places.#attempt(place, async () => {
        const objects = places.#toClose.use(await side.openPlace(place.place, signal));
        const numbers = new Set<number>();
        for await (const { key } of objects.list(copyKeys.copiesPrefix(epoch), {}, signal)) {
          numbers.add(parseCopyKey(key)?.number ?? 0);
        }
        places.#reachable = [
          ...places.#reachable,
          {
            ...place,
            objects,
            numbers,
            hadCopies: copiesIn(side.store, place.id).some(
              (copy) => copy.epoch === epoch && copy.isVerified && copy.writtenMs >= place.addedMs,
            ),
            keeps: (place.state?.keepsMs ?? null) !== null,
          },
        ];
      });
    }
    return places;
  }

  /** Those that did not fail. */
  get reachable(): readonly OpenPlace[] {
    return this.#reachable;
  }

  get failures(): readonly PlaceFailure[] {
    return this.#failures;
  }

  /**
   * The number for the next copy of this epoch: greater than any that this store began, and than those that lie in a place, whoever
   * wrote them. Those that are far ahead were put there to use all numbers up, and are passed over.
   *
   * @param begun  the greatest number of a copy that this store began
   */
  nextNumber(begun: number): number {
    let newest = begun;
    for (const { numbers } of this.#reachable) {
      for (const number of numbers) if (number <= begun + AHEAD_LIMIT) newest = Math.max(newest, number);
    }
    return newest + 1;
  }

  get outcomes(): readonly { readonly place: string; readonly failure: string | null }[] {
    return [...this.#reachable.map(({ place }) => ({ place, failure: null })), ...this.#failures].map(
      ({ place, failure }) => ({ place, failure }),
    );
  }

  /**
   * Does something with each place that did not fail, one after the other.
   *
   * @throws {LockstepError} KEY_STORE_FROZEN, KEY_STORE_SEALED, KEY_STORE_CORRUPT, CANCELLED; all else is a failure of that place
   */
  async each(work: (place: OpenPlace) => Promise<void>): Promise<void> {
    for (const place of this.#reachable) {
      await this.#attempt(place, () => work(place));
    }
  }

  /** Writes down how it went. */
  saveStates(): void {
    const nowMs = this.#store.deps.now().epochMilliseconds;
    inTransaction(this.#store.db, () => {
      for (const { id, keeps, state } of this.#reachable) {
        savePlaceState(this.#store, id, {
          triedMs: nowMs,
          failure: null,
          keepsMs: keeps ? (state?.keepsMs ?? nowMs) : null,
        });
      }
      for (const { id, failure } of this.#failures) {
        const keepsMs = placesInUse(this.#store).find((place) => place.id === id)?.state?.keepsMs ?? null;
        savePlaceState(this.#store, id, { triedMs: nowMs, failure, keepsMs });
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#toClose.disposeAsync();
  }

  async #attempt({ id, place }: Pick<Place, "id" | "place">, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!isLockstepError(error) || stopping.has(error.code)) throw error;
      this.#reachable = this.#reachable.filter((each) => each.id !== id);
      this.#failures.push({ id, place, failure: error.message, hint: error.hint ?? null, isAway: isAway(error) });
    }
  }
}

/** Failures that are none of the place. */
const stopping: ReadonlySet<ErrorCode> = new Set([
  "KEY_STORE_FROZEN",
  "KEY_STORE_SEALED",
  "KEY_STORE_CORRUPT",
  "CANCELLED",
]);

function isAway({ code }: LockstepError): boolean {
  return code === "STORE_UNAVAILABLE" || code === "STORE_MISSING";
}
