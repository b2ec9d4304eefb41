import type { Secret } from "#bytes/secret.ts";
import { LockstepError } from "#errors/errors.ts";
import { act } from "#keys/access/act.ts";
import { versionIsCopied } from "#keys/copies/copies.ts";
import { refuseFrozen } from "#keys/custody/refuse-loss.ts";
import type { KeyStore } from "#keys/key-store.ts";
import { loadRollover } from "#keys/rollovers/rollovers.ts";
import type { Rollover } from "#keys/rollovers/rollovers.ts";
import type { Caller } from "#keys/store/model.ts";
import { versionName, versionValue, whyUnusable } from "#keys/versions/versions.ts";

/** Both values of a rollover; the one who gets them wipes them. */
export type RolloverValues = { readonly old: Secret; readonly new: Secret };

/**
 * Takes both values of a rollover out for the program that changes the volume. The audit log has who before anybody gets them.
 *
 * @throws {LockstepError} as `findHandable`; KEY_STORE_SEALED, KEY_STORE_CORRUPT
 */
export function rolloverValues(store: KeyStore, caller: Caller, id: string): RolloverValues {
  const { oldVersion, newVersion } = findHandable(store, id);
  const detail = { old: versionName(oldVersion), new: versionName(newVersion) };
  return act(store, caller, { act: "rollover.values", subject: id, detail }, () => {
    const old = versionValue(store, oldVersion);
    try {
      return { old, new: versionValue(store, newVersion) };
    } catch (error) {
      old.wipe();
      throw error;
    }
  });
}

/**
 * The rollover whose values may be handed out now.
 *
 * @throws {LockstepError} NAME_UNKNOWN; NOT_ALLOWED: it has ended, or a person does its steps; VERSION_UNUSABLE; COPY_NOT_DURABLE: the
 *   new version is in no durable copy; KEY_STORE_FROZEN, KEY_STORE_SEALED
 */
export function findHandable(store: KeyStore, id: string): Rollover {
  void store.ring;
  const rollover = loadRollover(store, id);
  const { oldVersion, newVersion, executor, endedMs } = rollover;
  const doing = `rolling over ${versionName(oldVersion)}`;
  refuseFrozen(store, doing);
  if (endedMs !== null || executor !== "cryptsetup") {
    const why = endedMs === null ? "a person does its steps" : "it has ended";
    throw new LockstepError("NOT_ALLOWED", `${doing}: its values are given to nobody: ${why}`, {
      hint: "`lockstep key reveal` gives a value to a person.",
    });
  }
  for (const version of [oldVersion, newVersion]) {
    const why = whyUnusable(version, store.deps.now());
    if (why !== null) throw new LockstepError("VERSION_UNUSABLE", `${doing}: ${versionName(version)}: ${why}`);
  }
  if (versionIsCopied(store, newVersion)) return rollover;
  throw new LockstepError("COPY_NOT_DURABLE", `${doing}: ${versionName(newVersion)} is in no durable copy`, {
    hint: "Ask for the next step, which copies it: `lockstep key rollover --resume`.",
  });
}
