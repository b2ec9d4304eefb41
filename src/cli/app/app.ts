import type { Secret } from "#bytes/secret.ts";
import type { FoundCopies, KitTools, NewKit } from "#cli/app/kit-tools.ts";
import type { Config } from "#cli/app/settings.ts";
import type { Output } from "#cli/output/output.ts";
import type { Progress } from "#cli/output/progress.ts";
import type { KeyClient } from "#client/key-client.ts";
import type { KnownMachines, Machines } from "#ops/machines/machines.ts";
import type { Store } from "#store/contract.ts";
import type { Retry } from "#store/retry.ts";
import type { KeyringDeps } from "#vault/keyring/keyring-change.ts";
import type { OpenedKeyring } from "#vault/keyring/keyring.ts";
import type { Head } from "#vault/log/log-reader.ts";
import type { Log } from "#vault/log/log.ts";
import type { MachineId, VaultId } from "#vault/object/ids.ts";
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

  /** Another passphrase than the vault's, as it is now. @throws {LockstepError} what `askPassphrase` throws */
  readonly askPassphrase: (message: string) => Promise<Secret>;

  /** Another passphrase than the vault's, asked for twice. @throws {LockstepError} what `askPassphrase` throws */
  readonly askNewPassphrase: (message: string) => Promise<Secret>;

  /** A line that is shown as it is typed. @throws {LockstepError} what `askLine` of prompt-line.ts throws */
  readonly askLine: (question: string) => Promise<string>;

  /** Where this host keeps the key file that opens a vault unattended. */
  readonly hostKeyPath: (vault: VaultId) => string;

  /** Where this host keeps its token of a role. */
  readonly hostTokenPath: (role: HostRole) => string;

  /**
   * Opens the vault that is configured; to be called once for each. Its damage that was got round is warned of.
   *
   * @throws {LockstepError} ARGUMENT_INVALID: none is configured; KEY_FILE_INVALID; and what opening it throws
   */
  readonly openVault: (options?: OpenVaultOptions) => Promise<OpenVault>;

  /**
   * Asks the key side as one of this host's identities; as nobody where the host has no token of it. Where it has none of a custodian,
   * what an auditor may ask for is asked as the auditor that it is. The key side is started where it is this user's and does not run.
   *
   * @throws {LockstepError} IDENTITY_REJECTED: the token cannot be read. What `call` throws: KEY_STORE_MISSING,
   *   KEY_SIDE_UNREACHABLE, and all that `KeyClient` says
   */
  readonly keySide: (as: HostRole) => Promise<KeyClient>;

  /**
   * Refuses to begin what makes a key store, where there is one.
   *
   * @throws {LockstepError} KEY_STORE_EXISTS: there is one, or a token of one
   */
  readonly refuseKeyStore: () => Promise<void>;

  /**
   * Makes the key store that is configured, with a custodian and a backup identity of this host, whose tokens are kept in the state
   * folder. It does not run then; nothing is left where it fails.
   *
   * @throws {LockstepError} KEY_STORE_EXISTS: there is one, or a token of one; KEY_STORE_BUSY; ARGUMENT_INVALID: nothing would open
   *   it, or an empty passphrase; KEY_FILE_INVALID: what the host is to keep cannot be written, or is there; KDF_FAILED, CANCELLED
   */
  readonly makeKeyStore: (what: NewKeyStore) => Promise<MadeKeyStore>;

  /**
   * Makes the key store that is configured of its copies: as `makeKeyStore`, but that it has what the copies have, a later epoch, and
   * no identity of before.
   *
   * @throws {LockstepError} as `makeKeyStore`; KEY_STORE_FROZEN: somebody else recovers it now; KEY_STORE_NEWER: a later program wrote
   *   the copies; COPY_NOT_DURABLE: the first copy of the new epoch could not be written
   */
  readonly recoverKeyStore: (what: RecoveredKeyStore) => Promise<MadeKeyStore & RecoveredFacts>;

  /** Whether this host can keep a credential for the key store, by a TPM or a key of systemd's. */
  readonly canKeepCredentials: () => Promise<boolean>;

  /** What works with the secret of a kit; loaded only where it is needed. */
  readonly kitTools: () => Promise<KitTools>;

  /**
   * Is the key side of the key store that is configured, until it ends.
   *
   * @throws {LockstepError} KEY_STORE_MISSING; KEY_STORE_BUSY: another process is; KEY_STORE_NEWER, KEY_STORE_CORRUPT;
   *   CONFIG_INVALID: its socket cannot be there; SYSTEM_CALL_FAILED: its memory cannot be kept from others
   */
  readonly serveKeySide: (how: ServeKeySide) => Promise<KeySideEnd>;
};

/** A role that a host can have at the key side, with a token of its own. */
export type HostRole = "custodian" | "auditor" | "backup";

/** What opens a key store after a restart; one at least. The secrets stay the caller's. */
export type NewKeyStore = {
  readonly seals: readonly {
    readonly label: string;
    readonly secret: { readonly kind: "passphrase" | "key-file" | "host-credential"; readonly secret: Secret };
  }[];
  /** What this host keeps, with which it opens by itself: a key file, or a credential that its TPM or systemd's key seals. */
  readonly host: "key-file" | "credential" | null;
  /** The vault that it is made with, to which its copies go at once; null: none yet. */
  readonly first: FirstVault | null;
};

export type FirstVault = {
  /** The commitment in hex. */
  readonly vault: { readonly id: string; readonly name: string; readonly rootCommitment: string };
  /** Its folder or URL, as the key side opens it, and the failure domain that it is in. */
  readonly place: string;
  readonly domain: string;
  /** The kit that opens both. */
  readonly kit: Pick<NewKit, "id" | "threshold" | "custodians" | "recipient">;
};

/** What a host seals a credential by: its TPM and systemd's key of the host, or that key alone. */
export type HostSeal = "tpm" | "host";

export type MadeKeyStore = {
  readonly id: string;
  /** Ed25519, 32 bytes. */
  readonly signingKey: Uint8Array;
  readonly folder: string;
  /** The key file, or the sealed credential; null where the host keeps none. */
  readonly keyFile: string | null;
  /** What seals that credential; null where it is none. */
  readonly sealedBy: HostSeal | null;
  readonly tokenFiles: readonly string[];
};

/** What a key store is recovered from. */
export type RecoveredKeyStore = Pick<NewKeyStore, "seals" | "host"> & {
  readonly found: FoundCopies;
  /** The places that the copies were looked for in; new ones go there. */
  readonly places: readonly { readonly place: string; readonly domain: string; readonly objects: Store }[];
  /** The vault that this host's backup identity reports for from now on. The commitment in hex. */
  readonly vault: { readonly id: string; readonly name: string; readonly rootCommitment: string };
  /** The newest epoch that receipts name; 0: none does. */
  readonly knownEpoch: number;
};

export type RecoveredFacts = {
  readonly epoch: number;
  readonly keys: number;
  readonly versions: number;
  readonly bindings: number;
  /** Places that copies went to before, and do not any more. */
  readonly formerPlaces: readonly string[];
};

export type ServeKeySide = {
  /** End when nobody asked for so long; null: never. */
  readonly untilIdleMs: number | null;
  /** Called once it answers. */
  readonly listening: (socket: string) => void;
};

/** Why a key side ended: nobody asked; a signal; its socket was removed. */
export type KeySideEnd = "idle" | "stopped" | "unreachable";

export type OpenVaultOptions = {
  /** Another vault than the configured one: a folder, or a URL. */
  readonly place?: string;
  /** Tree nodes may come from this host's cache, where the configuration allows one; not for commands that must see what the store holds. */
  readonly cacheNodes?: boolean;
  /** A person said that the keyring in the store is the right one, older than this host has seen or not; that is remembered. */
  readonly anyKeyring?: boolean;
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
