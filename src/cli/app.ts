import type { Secret } from "#bytes/secret.ts";
import type { Output } from "#cli/output.ts";
import type { Progress } from "#cli/progress.ts";
import type { Config } from "#cli/settings.ts";
import type { KnownMachines, Machines } from "#ops/machines.ts";
import type { Store } from "#store/contract.ts";
import type { Retry } from "#store/retry.ts";
import type { MachineId, VaultId } from "#vault/ids.ts";
import type { KeyringDeps } from "#vault/keyring-change.ts";
import type { OpenedKeyring } from "#vault/keyring.ts";
import type { Head } from "#vault/log-reader.ts";
import type { Log } from "#vault/log.ts";
import type { Vault } from "#vault/vault.ts";

/** Options that every command has. */
export type GlobalFlags = {
  readonly json?: true;
  readonly quiet?: true;
  readonly config?: string;
  readonly vault?: string;
  readonly passphraseFile?: string;
  readonly keyFile?: string;
};

/** What this host is. */
export type HostFacts = {
  readonly name: string;
  /** What relative paths on the command line start from. */
  readonly workingFolder: string;
  readonly stdinIsTerminal: boolean;
};

/** What a command gets to work with; `main` builds it. */
export type App = {
  readonly output: Output;
  readonly progress: Progress;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  readonly config: Config;
  readonly flags: GlobalFlags;
  readonly host: HostFacts;
  readonly now: () => Temporal.Instant;
  readonly random: (lengthBytes: number) => Uint8Array;
  readonly retry: Retry;
  /** What changes of a keyring take. */
  readonly keyringDeps: KeyringDeps;

  /**
   * Opens a store of objects; it is closed when the command ends.
   *
   * @param place  a folder, or a URL
   * @throws {LockstepError} ARGUMENT_INVALID: no kind of store that is known; and what opening it throws
   */
  readonly openStore: (place: string) => Promise<Store>;

  /**
   * The vault's passphrase: from the file that is configured, else from whoever sits at the terminal.
   *
   * @throws {LockstepError} what `readPassphraseFile` and `askPassphrase` throw
   */
  readonly passphrase: (ask: { readonly message: string; readonly repeat: boolean }) => Promise<Secret>;

  /** Another passphrase than the vault's, asked for twice. @throws {LockstepError} what `askPassphrase` throws */
  readonly askNewPassphrase: (message: string) => Promise<Secret>;

  /** Where this host keeps the key file that opens a vault unattended. */
  readonly hostKeyPath: (vault: VaultId) => string;

  /**
   * Opens the vault that is configured; to be called once. Its damage that was got round is warned of.
   *
   * @param options.cacheNodes  tree nodes may come from this host's cache, where the configuration allows one; not for
   *   commands that are to see what the store itself holds
   * @throws {LockstepError} ARGUMENT_INVALID: none is configured; KEY_FILE_INVALID; and what opening it throws
   */
  readonly openVault: (options?: { readonly cacheNodes?: boolean }) => Promise<OpenVault>;
};

/** The vault, opened. What this host has seen of it is remembered, so that a vault that was rolled back is noticed. */
export type OpenVault = {
  /** As it was configured. */
  readonly place: string;
  readonly vault: Vault;
  readonly keyring: OpenedKeyring;
  /** Why nothing may be written, in words; null when all is well. */
  readonly readOnlyReason: string | null;
  /** What this host has seen of it before. */
  readonly known: KnownMachines;

  /** Opens the logs of all machines; their damage that was got round is warned of. @throws what `readMachines` throws */
  machines(): Promise<Machines>;

  /**
   * The machine of a name. Where `machines` could not open all logs, it may be among those.
   *
   * @param expect  what `--expect` said, outranking what this host remembers; undefined when it was not there
   * @throws {LockstepError} NAME_UNKNOWN, NAME_AMBIGUOUS, LOG_ROLLED_BACK, and what `openMachine` throws
   */
  machine(name: string, expect?: Expectation): Promise<Log>;

  /** Remembers a log that was not opened by this, such as one that was just made. */
  rememberLog(log: Log): Promise<void>;

  /** Remembers a keyring that was changed. */
  rememberKeyring(keyring: OpenedKeyring): Promise<void>;

  /**
   * Keeps other processes of this host from working on the machine, until it is disposed of or the process ends.
   *
   * @throws {LockstepError} MACHINE_BUSY: another process is at work on it
   */
  lockMachine(machine: MachineId, name: string): Promise<AsyncDisposable>;
};

/** An entry that a log must have; "any" takes the log as it is. */
export type Expectation = Head | "any";
