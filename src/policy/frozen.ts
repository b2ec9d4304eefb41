/** Why a recovered store is frozen, in `facts().frozen`. */
export const FROZEN_AFTER_RECOVERY = "it was recovered, and not every vault has reported since";

/** What the reason begins with where a receipt showed that an older state took the store's place. */
export const FROZEN_PUT_BACK = "it was put back to an older state, or is a copy that went its own way";

/** What the reason begins with where another server took the store's place. */
export const FROZEN_ELSEWHERE = "it was recovered elsewhere";

/** Whether the store waits for a custodian to look at how it was put back. */
export function isPutBack(frozen: string | null): boolean {
  return frozen?.startsWith(FROZEN_PUT_BACK) === true;
}

/** What ends it, as a sentence with the command that a person types. @param frozen  why the store is frozen */
export function whatThaws(frozen: string): string {
  if (frozen === FROZEN_AFTER_RECOVERY) {
    return "`lockstep check --all` ends it, once run for each vault; for one that is lost, `lockstep vault retire`.";
  }
  if (isPutBack(frozen)) {
    return "A custodian brings the newer state back, or goes on by `lockstep audit accept`: docs/key-side.md.";
  }
  if (frozen.startsWith(FROZEN_ELSEWHERE)) {
    return "Nothing ends it: use the key store that was recovered. If nobody you know recovered it, somebody has your kit or this store's keys.";
  }
  return "docs/keys.md says what ends it.";
}
