import { isLockstepError, LockstepError } from "#errors/errors.ts";
import type { EncryptedHeader, UnlockedVolume, UnlockTerms } from "#volume/header/encrypted-header.ts";
import type { VolumeSecret } from "#volume/header/volume-secret.ts";
import type { Protector } from "#volume/header/volume.ts";

/**
 * Opens a volume as `EncryptedHeader.unlock` does, and bounds what trying the secret on all protectors that it fits may cost
 * together: each of many may be cheap enough by itself.
 *
 * @throws {LockstepError} KDF_TOO_COSTLY, before anything is tried; and what `unlock` throws. SECRET_REJECTED says which
 *   protectors the secret was not tried on and why, unless one was named
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
    if (!isLockstepError(error, "SECRET_REJECTED") || only !== null) throw error;
    const asleep = header.protectorsOnRequest(secret);
    const why = [...header.facts.protectors.flatMap(reasonOf), ...asleep.map(({ id }) => `${id}: ${ON_REQUEST}`)];
    if (why.length === 0) throw error;
    throw new LockstepError("SECRET_REJECTED", `${error.message} Not tried: ${why.join("; ")}`, {
      hint: asleep.length === 0 ? error.hint : "Name one with --protector to have it tried.",
      cause: error,
    });
  }
}

const ON_REQUEST = 'its priority is "ignore", so that it is tried only where it is named';

function reasonOf({ id, unusable }: Protector): string[] {
  return unusable === null ? [] : [`${id}: ${unusable}`];
}
