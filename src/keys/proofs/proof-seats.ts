import { LockstepError } from "#errors/errors.ts";

/** How many proofs an identity may have under way at once: each may hold a volume's keys, and the bytes of a header. */
export const SEATS = 8;

/** Counts the proofs that are under way, by who asks for them. */
export class ProofSeats {
  readonly #taken = new Map<string, number>();

  /**
   * Takes a seat, until it is disposed of.
   *
   * @throws {LockstepError} RATE_LIMITED: all are taken
   */
  take(asker: string): Disposable {
    const taken = this.#taken.get(asker) ?? 0;
    if (taken >= SEATS) {
      throw new LockstepError("RATE_LIMITED", `proving a volume: ${taken} proofs of yours are under way`, {
        hint: "End one of them first; those that nobody goes on with end after two minutes.",
      });
    }
    this.#taken.set(asker, taken + 1);
    using seat = new DisposableStack();
    seat.defer(() => this.#leave(asker));
    return seat.move();
  }

  #leave(asker: string): void {
    const left = (this.#taken.get(asker) ?? 0) - 1;
    if (left > 0) this.#taken.set(asker, left);
    else this.#taken.delete(asker);
  }
}
