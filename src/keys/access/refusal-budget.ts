/** How many refusals of one asker go into the audit log, at once and again in each minute. */
export const REFUSALS_PER_MINUTE = 20;

const MINUTE_MS = 60_000;

/**
 * Keeps refusals from filling the disk with audit entries: of each asker only so many a minute are recorded, and the next one that is
 * has the count of those before that were not.
 *
 * Who asks without a valid token is one asker, whatever the token, so that the memory is bounded by the identities.
 */
export class RefusalBudget {
  readonly #askers = new Map<string, { left: number; sinceMs: number; unrecorded: number }>();

  /** Whether nothing more of this asker would be recorded now. */
  isSpent(asker: string, nowMs: number): boolean {
    return this.#of(asker, nowMs).left < 1;
  }

  /** Takes one refusal. @returns how many before it were not recorded; null when this one is not to be either */
  take(asker: string, nowMs: number): number | null {
    const state = this.#of(asker, nowMs);
    if (state.left < 1) {
      state.unrecorded++;
      return null;
    }
    state.left--;
    const { unrecorded } = state;
    state.unrecorded = 0;
    return unrecorded;
  }

  #of(asker: string, nowMs: number): { left: number; sinceMs: number; unrecorded: number } {
    const state = this.#askers.get(asker) ?? { left: REFUSALS_PER_MINUTE, sinceMs: nowMs, unrecorded: 0 };
    this.#askers.set(asker, state);
    // A clock that was set back starts a new minute, at worst once for each time.
    const minutes = Math.floor(Math.abs(nowMs - state.sinceMs) / MINUTE_MS);
    if (minutes > 0) {
      state.left = REFUSALS_PER_MINUTE;
      state.sinceMs = nowMs;
    }
    return state;
  }
}
