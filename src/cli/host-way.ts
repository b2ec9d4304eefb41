import type { App } from "#cli/app.ts";
import { readOrCreateKeyFile } from "#cli/key-files.ts";
import { isLockstepError } from "#errors/errors.ts";
import type { Store } from "#store/contract.ts";
import { addWay } from "#vault/keyring-change.ts";
import type { OpenedKeyring } from "#vault/keyring.ts";

/**
 * Lets this host open a vault by itself, by a key file that is made where there is none.
 *
 * @returns  the key file
 * @throws {LockstepError} KEY_FILE_INVALID: it cannot be read or written; and what `addWay` throws
 */
export async function addHostWay(
  { hostKeyPath, host, random, output, keyringDeps, signal, now }: App,
  store: Store,
  opened: OpenedKeyring,
): Promise<string> {
  const path = hostKeyPath(opened.vault.id);
  const { key, made } = await readOrCreateKeyFile(path, random, (warning) => output.warn(warning));
  const plain = `host ${host.name}`;
  const isTaken = opened.keyring.ways.some(({ label }) => label === plain);
  const label = isTaken ? `${plain} since ${now().toString({ smallestUnit: "second" })}` : plain;
  try {
    await addWay(store, opened, { label, secret: { kind: "keyfile", key } }, keyringDeps, signal);
  } catch (error) {
    // The same key file is a way of the vault already, where it was there before.
    if (made || !isLockstepError(error, "NAME_TAKEN")) throw error;
  }
  return path;
}
