import type { App } from "#cli/app/app.ts";
import { readKeyFile } from "#cli/files/key-files.ts";
import { LockstepError, isLockstepError, messageOf } from "#errors/errors.ts";
import type { Store } from "#store/contract.ts";
import { openKeyring, peekKeyring } from "#vault/keyring/keyring-open.ts";
import type { OpenedKeyring } from "#vault/keyring/keyring.ts";
import type { UnlockSecret } from "#vault/keyring/unlock-way.ts";

type Means = Pick<App, "config" | "flags" | "hostKeyPath" | "keyringDeps" | "output" | "passphrase" | "signal">;

/**
 * Opens the keyring of a vault: with the secret that an option names; else with this host's key file; else with a
 * passphrase, from the file that the environment names or from a prompt.
 *
 * A key file of this host that opens the vault no longer is warned of, and the passphrase is tried instead.
 *
 * @throws {LockstepError} KEY_FILE_INVALID, and what `peekKeyring`, `openKeyring` and `App.passphrase` throw
 */
export async function openKeyringWith(store: Store, means: Means): Promise<OpenedKeyring> {
  const { output, keyringDeps, signal, flags } = means;
  const open = (secret: UnlockSecret): Promise<OpenedKeyring> => openKeyring(store, secret, keyringDeps, signal);
  if (flags.keyFile !== undefined) {
    const key = await readKeyFile(flags.keyFile, (warning) => output.warn(warning));
    if (key !== null) return open({ kind: "keyfile", key });
    throw new LockstepError("FILE_MISSING", `reading the key file ${flags.keyFile} failed: it is not there`, {
      hint: "Check the path.",
    });
  }
  if (means.config.passphraseFile.from !== "flag") {
    const opened = await openWithHostKey(store, means, open);
    if (opened !== null) return opened;
  }
  const passphrase = await means.passphrase({ message: `Passphrase of ${store.name}`, repeat: false });
  try {
    return await open({ kind: "passphrase", passphrase });
  } finally {
    passphrase.wipe();
  }
}

async function openWithHostKey(
  store: Store,
  { output, signal, hostKeyPath }: Means,
  open: (secret: UnlockSecret) => Promise<OpenedKeyring>,
): Promise<OpenedKeyring | null> {
  const { vault } = await peekKeyring(store, signal);
  const key = await readKeyFile(hostKeyPath(vault.id), (warning) => output.warn(warning));
  if (key === null) return null;
  try {
    return await open({ kind: "keyfile", key });
  } catch (error) {
    if (!isLockstepError(error, "KEY_FILE_REJECTED", "UNLOCK_NONE")) throw error;
    output.warn({
      code: "HOST_KEY_REJECTED",
      message: `this host's key file does not open the vault: ${messageOf(error)}`,
      hint: `Remove ${hostKeyPath(vault.id)}; \`lockstep vault unlock add --this-host\` makes a new one.`,
    });
    return null;
  }
}
