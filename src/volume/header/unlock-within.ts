import { isLockstepError, LockstepError } from "#errors/errors.ts";
import type { EncryptedHeader, UnlockedVolume, UnlockTerms } from "#volume/header/encrypted-header.ts";
import type { VolumeSecret } from "#volume/header/volume-secret.ts";
import type { Protector } from "#volume/header/volume.ts";

/**
 * Opens a volume as `EncryptedHeader.unlock` does, and bounds what trying the secret on all protectors that it fits may cost
 * together: each of many may be cheap enough by itself.
 *
 * @throws {LockstepError} KDF_TOO_COSTLY, before anything is tried; and what `unlock` throws. SECRET_REJECTED says why no
 *   secret can be tried on some protectors, where there are such
 */
export async function unlockWithin(
  header: EncryptedHeader,
  secret: VolumeSecret,
  terms: UnlockTerms,
  signal: AbortSignal,
): Promise<UnlockedVolume> {
  const { limit, only } = terms;
  const fitting = header.protectorsFor(secret).filter(({ id }) => only === null || id === only);
  const affordable = fitting.filter(({ cost }) => cost !== null && cost.seconds <= limit.seconds);
  const seconds = affordable.reduce((sum, { cost }) => sum + (cost?.seconds ?? 0), 0);
  if (affordable.length > 1 && seconds > limit.seconds) {
    throw new LockstepError(
      "KDF_TOO_COSTLY",
      `trying the secret on ${affordable.length} protectors would take about ${Math.ceil(seconds)} s, and ${limit.seconds} s are allowed`,
      { hint: "Name one protector with --protector, or allow more with --max-seconds." },
    );
  }
  try {
    return await header.unlock(secret, terms, signal);
  } catch (error) {
    const why = header.facts.protectors.flatMap(reasonOf);
    if (!isLockstepError(error, "SECRET_REJECTED") || why.length === 0) throw error;
    throw new LockstepError("SECRET_REJECTED", `${error.message} Not tried: ${why.join("; ")}`, {
      hint: error.hint,
      cause: error,
    });
  }
}

function reasonOf({ id, unusable }: Protector): string[] {
  return unusable === null ? [] : [`${id}: ${unusable}`];
}
