import { LockstepError } from "#errors/errors.ts";

/** Why no secret can be tried on a protector. */
export type Obstacle = {
  /** SECRET_REJECTED: what is in it opens nothing of this volume, whatever the secret. */
  readonly code: "VOLUME_UNSUPPORTED" | "HEADER_CORRUPT" | "SECRET_REJECTED";
  /** In words: `its hash tiger is not known here`. */
  readonly why: string;
};

/** What another program may read says more than what is damaged, and that more than what never opened the volume. */
const codes = ["VOLUME_UNSUPPORTED", "HEADER_CORRUPT"] as const;

/**
 * The error where a secret fits protectors of which none can be tried: nothing says then that the secret is wrong.
 *
 * @param doing      `Opening a LUKS2 volume`
 * @param obstacles  by the protectors' ids; none: the volume has no keyslot at all
 */
export function nothingToTry(doing: string, obstacles: ReadonlyMap<string, Obstacle>): LockstepError {
  const found = [...obstacles].map(([id, { why }]) => `${id}: ${why}`).join("; ");
  for (const code of codes) {
    const isFound = [...obstacles.values()].some((obstacle) => obstacle.code === code);
    if (isFound) return new LockstepError(code, `${doing}: no secret can be tried: ${found}.`);
  }
  if (obstacles.size > 0) return new LockstepError("SECRET_REJECTED", `${doing}: no keyslot takes such a secret.`);
  return new LockstepError("SECRET_REJECTED", `${doing}: it has no keyslot that is in use: they were all removed.`, {
    hint: "A header of an earlier recovery point may have them: `lockstep point header`.",
  });
}
