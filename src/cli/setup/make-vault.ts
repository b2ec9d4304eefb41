import { rename, unlink } from "node:fs/promises";
import { join } from "node:path";

import { hex } from "#bytes/text.ts";
import type { App } from "#cli/app/app.ts";
import { createKeyFile } from "#cli/files/key-files.ts";
import { createDirectoryRoot } from "#store/directory-root.ts";
import { newFileKey } from "#vault/keyring/key-file.ts";
import { createVault } from "#vault/keyring/keyring-change.ts";
import type { OpenedKeyring } from "#vault/keyring/keyring.ts";
import type { NewWay } from "#vault/keyring/unlock-way.ts";

export type MadeVault = { readonly keyring: OpenedKeyring; readonly hostKeyFile: string | null };

/**
 * Makes a vault in a folder. This host's key file is written before, under another name: so that a vault whose key could not be
 * kept is never made.
 *
 * @param ways.kitWay  that of the kit; null: there is none
 * @param left         the folder is added to it once it is made
 * @throws {LockstepError} KEY_FILE_INVALID, and what `createDirectoryRoot` and `createVault` throw
 */
export async function makeVaultIn(
  app: App,
  folder: string,
  ways: { readonly way: NewWay; readonly hostKey: boolean; readonly kitWay: NewWay | null },
  left: string[],
): Promise<MadeVault> {
  const pending = ways.hostKey ? await newHostKey(app) : null;
  try {
    await createDirectoryRoot(folder, {}, app.signal);
    left.push(folder);
    const store = await app.openStore(folder);
    const all = [ways.way, pending?.way, ways.kitWay].filter((way) => way !== null && way !== undefined);
    const keyring = await createVault(store, { ways: all }, app.keyringDeps, app.signal);
    if (pending === null) return { keyring, hostKeyFile: null };
    const hostKeyFile = app.hostKeyPath(keyring.vault.id);
    await rename(pending.path, hostKeyFile);
    return { keyring, hostKeyFile };
  } catch (error) {
    if (pending !== null) await unlink(pending.path);
    throw error;
  }
}

async function newHostKey({ config, host, random }: App): Promise<{ readonly path: string; readonly way: NewWay }> {
  const key = newFileKey(random);
  const path = join(config.state.value, "vaults", `new-${hex(random(8))}.key`);
  await createKeyFile(path, key, [`Opens a vault of Lockstep for the host ${host.name}.`]);
  return { path, way: { label: `host ${host.name}`, secret: { kind: "keyfile", key } } };
}
