import type { App } from "#cli/app/app.ts";
import { readOrCreateKeyFile } from "#cli/files/key-files.ts";
import { isLockstepError } from "#errors/errors.ts";
import type { Store } from "#store/contract.ts";
import { addWay } from "#vault/keyring/keyring-change.ts";
import { openKeyring } from "#vault/keyring/keyring-open.ts";
import type { OpenedKeyring } from "#vault/keyring/keyring.ts";
import type { UnlockSecret } from "#vault/keyring/unlock-way.ts";

/**
 * Lets this host open a vault by itself, by a key file that is made where there is none.
 *
 * @returns  the key file
 * @throws {LockstepError} KEY_FILE_INVALID: it cannot be read or written; and what `addWay` throws
 */
export async function addHostWay(app: App, store: Store, opened: OpenedKeyring): Promise<string> {
  const { hostKeyPath, host, random, output, keyringDeps, signal, now } = app;
  const path = hostKeyPath(opened.vault.id);
  const { key, made } = await readOrCreateKeyFile(path, random, (warning) => output.warn(warning));
  const secret = { kind: "keyfile", key } as const;
  if (!made && (await opens(app, store, secret))) return path;
  const label = `host ${host.name}`;
  try {
    await addWay(store, opened, { label, secret }, keyringDeps, signal);
  } catch (error) {
    if (!isLockstepError(error, "NAME_TAKEN")) throw error;
    // By a host of the same name: this one before it was lost, or another one.
    await addWay(store, opened, { label: `${label} since ${now().toString()}`, secret }, keyringDeps, signal);
  }
  return path;
}

async function opens({ keyringDeps, signal }: App, store: Store, secret: UnlockSecret): Promise<boolean> {
  try {
    await openKeyring(store, secret, keyringDeps, signal);
    return true;
  } catch (error) {
    if (isLockstepError(error, "KEY_FILE_REJECTED", "UNLOCK_NONE")) return false;
    throw error;
  }
}
