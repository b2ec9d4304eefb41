import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";

import { systemRandom } from "#crypto/derive.ts";
import { patientRetry } from "#main/wiring/retry.ts";
import { openDirectoryStore } from "#store/directory.ts";
import { parseKeyFile } from "#vault/keyring/key-file.ts";
import { openKeyring } from "#vault/keyring/keyring-open.ts";
import { logKeyring } from "#vault/keyring/log-keyring.ts";
import { argon2idKdf } from "#vault/keyring/passphrase-kdf.ts";
import type { Log } from "#vault/log/log.ts";
import { listMachines } from "#vault/log/roster.ts";
import { openMachine } from "#vault/vault.ts";
import type { Vault } from "#vault/vault.ts";

/** A vault's only machine, opened in this process: for cases that need more commands than a bench has time for. */
export type OpenMachine = AsyncDisposable & { readonly vault: Vault; readonly log: Log; readonly signal: AbortSignal };

/** @param state  the state folder that holds this host's key file */
export async function openOnlyMachine(folder: string, state: string): Promise<OpenMachine> {
  const { signal } = new AbortController();
  const store = await openDirectoryStore(folder, {}, signal);
  const id = (JSON.parse(readFileSync(join(folder, "vault.json"), "utf8")) as { id: string }).id;
  const path = join(state, "vaults", `${id}.key`);
  const key = parseKeyFile(path, readFileSync(path));
  const opened = await openKeyring(store, { kind: "keyfile", key }, { kdf: argon2idKdf }, signal);
  const vault: Vault = {
    store,
    keyring: logKeyring(store, opened),
    now: () => Temporal.Now.instant(),
    random: systemRandom,
    retry: patientRetry,
    host: hostname(),
    program: "bench",
  };
  const [machine] = (await listMachines({ store, keys: opened.keys }, signal)).machines;
  if (machine === undefined) throw new Error("the vault has no machine");
  const log = await openMachine(vault, machine, null, signal);
  return { vault, log, signal, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() };
}
