import { isLockstepError } from "#errors/errors.ts";
import type { LockstepError } from "#errors/errors.ts";
import type { ObjectKey, Store } from "#store/contract.ts";

/** What was removed, or would have been. */
export type Removed = { readonly objects: number; readonly bytes: number };

/**
 * Removes objects that are dead, until the store refuses: credentials that may only append, or a lock on the object. That
 * ends the removing and nothing else.
 */
export class Remover {
  readonly #store: Store | null;
  #denied: LockstepError | null = null;
  #objects = 0;
  #bytes = 0;
  #left = 0;

  /** @param store  null: nothing is removed, only counted */
  constructor(store: Store | null) {
    this.#store = store;
  }

  get removed(): Removed {
    return { objects: this.#objects, bytes: this.#bytes };
  }

  /** Bytes of dead objects that the store did not let go. */
  get leftBytes(): number {
    return this.#left;
  }

  /** Why the store refused; null while it has not. */
  get denied(): LockstepError | null {
    return this.#denied;
  }

  /** @throws {LockstepError} what the store throws, but for STORE_DENIED */
  async remove(key: ObjectKey, sizeBytes: number, signal: AbortSignal): Promise<void> {
    if (this.#denied === null) {
      try {
        await this.#store?.delete(key, signal);
        this.#objects++;
        this.#bytes += sizeBytes;
        return;
      } catch (error) {
        if (!isLockstepError(error, "STORE_DENIED")) throw error;
        this.#denied = error;
      }
    }
    this.#left += sizeBytes;
  }
}
