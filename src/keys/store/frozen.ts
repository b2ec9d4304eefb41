/** Why a recovered store is frozen, in `facts().frozen`. */
export const FROZEN_AFTER_RECOVERY = "it was recovered, and not every vault has reported since";

/** What the reason begins with where a receipt showed that an older state took the store's place. */
export const FROZEN_PUT_BACK = "it was put back to an older state, or is a copy that went its own way";

/** Whether the store waits for a custodian to look at how it was put back. */
export function isPutBack(frozen: string | null): boolean {
  return frozen?.startsWith(FROZEN_PUT_BACK) === true;
}
