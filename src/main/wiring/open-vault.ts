import { join } from "node:path";

import type { App, Expectation, OpenVault } from "#cli/app/app.ts";
import { LockstepError, isLockstepError } from "#errors/errors.ts";
import { systemWords } from "#errors/system-words.ts";
import { lockMachineFile } from "#main/wiring/machine-lock.ts";
import { openKeyringWith } from "#main/wiring/open-keyring.ts";
import { VaultMemory } from "#main/wiring/vault-memory.ts";
import { machineNamed, readMachines } from "#ops/machines/machines.ts";
import type { KnownMachines, Machines } from "#ops/machines/machines.ts";
import type { Store } from "#store/contract.ts";
import type { KeyringRef } from "#vault/entry/entry-fields.ts";
import type { OpenedKeyring } from "#vault/keyring/keyring.ts";
import { logKeyring } from "#vault/keyring/log-keyring.ts";
import type { LogKeyring } from "#vault/keyring/log-keyring.ts";
import type { Log } from "#vault/log/log.ts";
import type { MachineId } from "#vault/object/ids.ts";
import { openMachine } from "#vault/vault.ts";
import type { Vault } from "#vault/vault.ts";

/** A vault that a command works with, and what to write down when it ends. */
export type WiredVault = OpenVault & {
  /** Remembers how far the logs have come by now. */
  rememberAll(): Promise<void>;
};

/** Opens a vault. See `App.openVault`. */
export async function openVaultAt(
  app: App,
  program: string,
  options: { readonly place: string | null; readonly cacheNodes: boolean; readonly anyKeyring: boolean },
): Promise<WiredVault> {
  const { place, cacheNodes, anyKeyring } = options;
  if (place === null) {
    throw new LockstepError("ARGUMENT_INVALID", "no vault is named", {
      hint: "Name one with --vault, LOCKSTEP_VAULT, or `vault = …` in the configuration; `lockstep init` makes one.",
    });
  }
  const store = await app.openStore(place);
  const keyring = await openKeyringWith(store, app);
  const memory = new VaultMemory(app.config.state.value, keyring.vault.id);
  const seen = anyKeyring ? null : await memory.keyring();
  const guarded = seen === null ? logKeyring(store, keyring) : guardedBy(logKeyring(store, keyring), seen);
  const vault: Vault = {
    store: cacheNodes ? await withNodeCache(store, place, keyring, app) : store,
    keyring: guarded,
    now: app.now,
    random: app.random,
    retry: app.retry,
    host: app.host.name,
    program,
  };
  const wired = new ConfiguredVault({ app, place, vault, keyring, memory });
  wired.warn();
  if (wired.readOnlyReason === null) await wired.rememberKeyring(keyring, anyKeyring);
  return wired;
}

async function withNodeCache(store: Store, place: string, keyring: OpenedKeyring, app: App): Promise<Store> {
  const { cacheNodes } = app.config;
  if (cacheNodes.value === "never") return store;
  const { isRemotePlace } = await import("#main/wiring/open-store.ts");
  if (cacheNodes.value === "auto" && !(await isRemotePlace(place))) return store;
  const { nodeCaching } = await import("#main/wiring/node-cache.ts");
  return nodeCaching(store, keyring, app);
}

/** The keyring, with what this host has seen of it as one more witness: an older one in its place is noticed. */
function guardedBy(keyring: LogKeyring, seen: KeyringRef): LogKeyring {
  return {
    keys: keyring.keys,
    faultOf: (named) => keyring.faultOf(named) ?? keyring.faultOf(seen, "this host has seen"),
    reopen: async (signal) => guardedBy(await keyring.reopen(signal), seen),
  };
}

type Parts = {
  readonly app: App;
  readonly place: string;
  readonly vault: Vault;
  readonly keyring: OpenedKeyring;
  readonly memory: VaultMemory;
};

class ConfiguredVault implements WiredVault {
  readonly place: string;
  readonly vault: Vault;
  readonly keyring: OpenedKeyring;
  readonly readOnlyReason: string | null;
  readonly known: KnownMachines;
  readonly #app: App;
  readonly #memory: VaultMemory;
  readonly #logs = new Map<MachineId, { readonly log: Log; readonly replace: boolean }>();

  constructor({ app, place, vault, keyring, memory }: Parts) {
    this.place = place;
    this.vault = vault;
    this.keyring = keyring;
    this.readOnlyReason = vault.keyring.faultOf(keyring.keys.keyring);
    this.#app = app;
    this.#memory = memory;
    this.known = memory;
  }

  warn(): void {
    const { output } = this.#app;
    for (const message of this.keyring.warnings) {
      const hint =
        "Put the object back from a copy of the store; `lockstep vault check` puts back what is missing, and replaces a damaged second copy.";
      output.warn({ code: "KEYRING_DAMAGED", message, hint });
    }
    if (this.readOnlyReason === null) return;
    output.warn({
      code: "KEYRING_ROLLED_BACK",
      message: `the vault may only be read: ${this.readOnlyReason}`,
      hint: "Put the missing objects of the keyring back from a copy of the store, and run `lockstep vault check`. Where an older copy of the vault is there on purpose: lockstep vault show --expect any",
    });
  }

  async machines(): Promise<Machines> {
    const found = await readMachines(this.vault, this.#memory, this.#app.signal);
    for (const message of new Set(found.warnings)) this.#app.output.warn({ code: "VAULT_DAMAGED", message });
    for (const log of found.logs) await this.#remember(log, false);
    return found;
  }

  async machine(name: string, expect?: Expectation): Promise<Log> {
    const found = await this.machines();
    if (expect === undefined) return machineNamed(found, name);
    const id = found.faults.find((fault) => fault.name === name)?.machine ?? machineNamed(found, name).machine;
    try {
      const log = await openMachine(this.vault, id, expect === "any" ? null : expect, this.#app.signal);
      await this.#remember(log, true);
      return log;
    } catch (error) {
      if (expect === "any" && isLockstepError(error, "NAME_UNKNOWN"))
        await this.#orWarn(this.#memory.forgetMachine(id));
      throw error;
    }
  }

  async lockMachine(machine: MachineId, name: string): Promise<AsyncDisposable> {
    const { state } = this.#app.config;
    const path = join(state.value, "vaults", this.keyring.vault.id, "locks", machine);
    try {
      return await lockMachineFile(path, name);
    } catch (error) {
      if (error instanceof LockstepError) throw error;
      throw new LockstepError(
        "SYSTEM_CALL_FAILED",
        `locking machine ${name} by ${path} failed: ${systemWords(error)}`,
        {
          hint: "Make the state folder writable for this user, or name another with LOCKSTEP_STATE_DIR.",
          cause: error,
        },
      );
    }
  }

  rememberLog(log: Log): Promise<void> {
    return this.#remember(log, false);
  }

  async rememberKeyring({ keys }: OpenedKeyring, replace = false): Promise<void> {
    await this.#orWarn(this.#memory.rememberKeyring(keys.keyring, replace));
  }

  async rememberAll(): Promise<void> {
    for (const { log, replace } of this.#logs.values()) await this.#remember(log, replace);
  }

  async #remember(log: Log, replace: boolean): Promise<void> {
    this.#logs.set(log.machine, { log, replace });
    const { seq, hash, machine } = log.fold;
    await this.#orWarn(this.#memory.rememberMachine(log.machine, { name: machine.name, head: { seq, hash } }, replace));
  }

  #warned = false;

  /** What cannot be remembered costs no more than a notice, so it stops nothing. */
  async #orWarn(work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      if (this.#warned) return;
      this.#warned = true;
      this.#app.output.warn({
        code: "STATE_NOT_SAVED",
        message: `what this host has seen of the vault could not be remembered: ${systemWords(error)}`,
        hint: "Make the state folder writable; without it, a vault that was rolled back is not noticed.",
      });
    }
  }
}
