import type { Secret } from "#bytes/secret.ts";
import { isLockstepError } from "#errors/errors.ts";
import { act } from "#keys/access/act.ts";
import { appendAudit } from "#keys/audit/audit.ts";
import type { KeyStore } from "#keys/key-store.ts";
import type { Caller, ValueKind } from "#keys/store/model.ts";
import { KnownValues } from "#keys/versions/known-values.ts";
import { checkValue } from "#keys/versions/new-value.ts";
import { addVersion, loadVersion, versionName } from "#keys/versions/versions.ts";
import type { Version } from "#keys/versions/versions.ts";

/** A secret of a list. */
export type ListedSecret = {
  readonly keyName: string;
  readonly kind: ValueKind;
  readonly value: Secret;
  readonly note: string;
};

/** What became of it. */
export type ImportedSecret =
  | { readonly version: Version; readonly isNew: boolean; readonly failure: null }
  /** Why it cannot be a secret of its kind, in words that tell nothing of it. */
  | { readonly version: null; readonly isNew: false; readonly failure: string };

/**
 * Stores secrets that somebody kept in a list, each value once: one that the store has already, under whatever name, is not stored
 * again, so that the same list can be imported many times. One that cannot be stored does not keep the others from it.
 *
 * @returns parallel to `given`
 * @throws {LockstepError} KEY_STORE_SEALED; ARGUMENT_INVALID: a name that can be none of a key; nothing is stored then
 */
export async function importSecrets(
  store: KeyStore,
  caller: Caller,
  given: readonly ListedSecret[],
): Promise<readonly ImportedSecret[]> {
  using known = new KnownValues(store);
  await known.learnInTurns();
  const detail: Record<string, number> = {};
  return act(store, caller, { act: "key.import", subject: "keys", detail }, () => {
    known.learn();
    const results = given.map((secret) => importOne(store, caller, known, secret));
    detail["stored"] = results.filter(({ isNew }) => isNew).length;
    detail["there"] = results.filter(({ version, isNew }) => version !== null && !isNew).length;
    detail["refused"] = results.filter(({ version }) => version === null).length;
    return results;
  });
}

function importOne(store: KeyStore, caller: Caller, known: KnownValues, secret: ListedSecret): ImportedSecret {
  const { kind, value } = secret;
  try {
    checkValue(kind, value);
  } catch (error) {
    if (!isLockstepError(error, "SECRET_INVALID")) throw error;
    return { version: null, isNew: false, failure: error.message };
  }
  const found = known.find(kind, value);
  const there = found === null ? null : loadVersion(store, found);
  // It may have been destroyed since it was learnt.
  if (there !== null && there.destroyedMs === null) return { version: there, isNew: false, failure: null };
  const version = addVersion(store, { ...secret, origin: "given", activatesMs: null, expiresMs: null });
  known.add(version);
  const what = { act: "key.add", subject: versionName(version), detail: { kind, version: versionName(version) } };
  appendAudit(store.db, caller, what, "done", store.deps.now());
  return { version, isNew: true, failure: null };
}
