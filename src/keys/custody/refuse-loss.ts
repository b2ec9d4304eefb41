import { LockstepError } from "#errors/errors.ts";
import type { KeyStore } from "#keys/key-store.ts";
import { destructionRefusal } from "#keys/needs/needs.ts";
import { versionName } from "#keys/versions/versions.ts";
import type { Version } from "#keys/versions/versions.ts";
import { whatThaws } from "#policy/frozen.ts";

/**
 * Refuses what would take a version's value away from anything that needs it. To be called in the transaction that would.
 *
 * @param doing  such as `deleting`
 * @throws {LockstepError} KEY_STORE_FROZEN; VERSION_NEEDED, with what needs it, and until when that is expected
 */
export function refuseLoss(store: KeyStore, version: Version, doing: string): void {
  const name = versionName(version);
  refuseFrozen(store, `${doing} ${name}`);
  const why = destructionRefusal(store, version);
  if (why === null) return;
  throw new LockstepError("VERSION_NEEDED", `${doing} ${name}: refused: ${why}`, {
    hint: `\`lockstep key needed-by ${name}\` lists what needs it. A date is a forecast: only what is gone needs nothing.`,
  });
}

/** @throws {LockstepError} KEY_STORE_FROZEN: releases and destruction are frozen */
export function refuseFrozen(store: KeyStore, what: string): void {
  const { frozen } = store.facts();
  if (frozen === null) return;
  throw new LockstepError("KEY_STORE_FROZEN", `${what}: the key store releases and destroys nothing: ${frozen}`, {
    hint: whatThaws(frozen),
  });
}
