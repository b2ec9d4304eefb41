import type { Secret } from "#bytes/secret.ts";
import { act } from "#keys/access/act.ts";
import type { KeyStore } from "#keys/key-store.ts";
import type { Caller } from "#keys/store/model.ts";
import { checkValue, generateValue } from "#keys/versions/new-value.ts";
import { addVersion, versionName } from "#keys/versions/versions.ts";
import type { NewVersion, Version } from "#keys/versions/versions.ts";
import { refuseOrder } from "#policy/version-change.ts";

/**
 * Stores a version that somebody gives, or makes one, and its key where there is none. It does not take the place of another
 * version: a rollover does that.
 *
 * @param given  `value`: null makes one
 * @throws {LockstepError} SECRET_INVALID, ARGUMENT_INVALID, KEY_STORE_SEALED
 */
export function addKeyVersion(
  store: KeyStore,
  caller: Caller,
  given: Omit<NewVersion, "value" | "origin"> & { readonly value: Secret | null },
): Version {
  const { keyName, kind } = given;
  const detail: Record<string, string> = { kind };
  return act(store, caller, { act: "key.add", subject: keyName, detail }, () => {
    refuseOrder(given.activatesMs, given.expiresMs);
    const version = addGiven(store, given);
    detail["version"] = versionName(version);
    return version;
  });
}

function addGiven(
  store: KeyStore,
  { value, ...given }: Omit<NewVersion, "value" | "origin"> & { readonly value: Secret | null },
): Version {
  if (value === null) {
    using made = generateValue(given.kind, store.deps.random);
    return addVersion(store, { ...given, value: made, origin: "generated" });
  }
  checkValue(given.kind, value);
  return addVersion(store, { ...given, value, origin: "given" });
}
