import { LockstepError } from "#errors/errors.ts";
import type { KeyStore } from "#keys/key-store.ts";
import { inTransaction } from "#keys/store/database.ts";
import type { Caller } from "#keys/store/model.ts";

/** Headers of points that one custodian may have tried within an hour. */
export const GUESSES_PER_HOUR = 6;

const HOUR_MS = 60 * 60 * 1000;

/**
 * Takes one guess of a custodian, before anything is derived for it: a header that comes from a vault may have been made by whoever
 * holds the vault, and the answer tells him whether a version opens it.
 *
 * A restart forgets nothing; a clock that is set by more than an hour does.
 *
 * @throws {LockstepError} RATE_LIMITED
 */
export function takeGuess({ db, deps }: KeyStore, { identity, name }: Caller): void {
  const nowMs = deps.now().epochMilliseconds;
  const custodian = identity ?? name;
  inTransaction(db, () => {
    db.prepare("DELETE FROM point_guesses WHERE abs(? - at_ms) >= ?").run(nowMs, HOUR_MS);
    const row = db.prepare("SELECT count(*) AS taken FROM point_guesses WHERE custodian = ?").get(custodian);
    if (Number(row?.["taken"]) >= GUESSES_PER_HOUR) {
      throw new LockstepError(
        "RATE_LIMITED",
        `trying a header from a recovery point: ${name} had ${GUESSES_PER_HOUR} tried within the last hour, and each is a guess`,
        { hint: "Wait an hour, or present the header of the live disk: that is not limited." },
      );
    }
    db.prepare("INSERT INTO point_guesses (custodian, at_ms) VALUES (?, ?)").run(custodian, nowMs);
  });
}
