import type { Receipt } from "#api/needs.ts";
import type { Secret } from "#bytes/secret.ts";
import type { Store } from "#store/contract.ts";
import type { NewWay, UnlockSecret } from "#vault/keyring/unlock-way.ts";

/**
 * What works with the secret of a kit. It is in the memory of the process that makes the kit, tries it or recovers by it, and nowhere
 * else: each is short-lived, and its end is the wipe.
 */
export type KitTools = {
  /**
   * Makes the secret of a new kit. Nothing of it is written anywhere.
   *
   * @throws {LockstepError} ARGUMENT_INVALID: no custodian, or more are needed than there are
   */
  make(custodians: readonly string[], threshold: number): Promise<NewKit>;
  /** Reads a share as it was typed. @throws {LockstepError} KIT_INVALID: mistyped, and where */
  parseShare(text: string): TypedShare;
  /**
   * Tries a kit in a process of its own, the only one in which its shares are combined.
   *
   * @throws {LockstepError} KIT_REJECTED: too few, of several sets, or they do not fit together; KIT_NOT_TRIED: the process was killed
   */
  tryKit(shares: readonly TypedShare[], targets: KitTargets): Promise<TriedKit>;
  /** Combines shares here. @throws {LockstepError} KIT_REJECTED: as `tryKit` */
  combine(shares: readonly TypedShare[]): Promise<OpenedKit>;
  /** A signing key as a page prints it. @throws {LockstepError} KIT_INVALID: mistyped, and where */
  parseSigningKey(text: string): Uint8Array;
  /** Whether a key store's receipt is signed by a key. */
  isReceiptSigned(receipt: Receipt, signingKey: Uint8Array): boolean;
  /**
   * The names of all key versions that found copies have, also of those that were destroyed: `web01/v1`.
   *
   * @throws {LockstepError} COPY_REJECTED: no copy is good; KEY_STORE_NEWER: they are of a later version of Lockstep
   */
  versionsIn(found: FoundCopies): ReadonlySet<string>;
  /** What is public and 32 bytes long, as pages print it. */
  groupsOf(bytes: Uint8Array): readonly string[];
};

/** One share of a set. */
export type TypedShare = {
  /** 8 hex digits. */
  readonly setId: string;
  readonly threshold: number;
  readonly index: number;
  readonly part: Secret;
};

/** What a kit opens. */
export type KitTargets = {
  readonly epoch: number;
  /** Of the key store: Ed25519, 32 bytes. */
  readonly signingKey: Uint8Array;
  /** Places with copies, as they are opened, and the number of the newest that must be there. */
  readonly places: readonly { readonly place: string; readonly newest: number }[];
  /** Folders or URLs. */
  readonly vaults: readonly string[];
};

/** What a kit was tried on. */
export type KitTrial = {
  readonly place: string;
  /** `copy 7 of epoch 1`, or `vault` and its id; null where it does not open. */
  readonly opened: string | null;
  /** Why it does not open, in words; null where it does. */
  readonly failure: string | null;
};

export type TriedKit = {
  readonly trials: readonly KitTrial[];
  /** The newest copy that it opened; 0: none. */
  readonly newest: number;
  /** Ids of the vaults that it opened. */
  readonly vaults: readonly string[];
  /** Unlock ways of other kits that the vaults have. */
  readonly others: readonly { readonly place: string; readonly label: string }[];
};

export type NewKit = Disposable & {
  /** 8 hex digits: the set of shares. */
  readonly id: string;
  readonly threshold: number;
  readonly custodians: readonly string[];
  /** `age1…`: what copies are encrypted to. */
  readonly recipient: string;
  /** The unlock way that every vault gets. */
  readonly way: NewWay;
  /** One page for each custodian. */
  pages(facts: PageFacts): readonly NewPage[];
  /** As the pages have them. */
  readonly shares: readonly TypedShare[];
};

/** What pages say besides shares. */
export type PageFacts = {
  readonly storeId: string;
  /** Ed25519, 32 bytes. */
  readonly signingKey: Uint8Array;
  readonly vaults: readonly { readonly id: string; readonly place: string; readonly rootCommitment: Uint8Array }[];
};

export type NewPage = {
  readonly custodian: string;
  readonly html: string;
  /** Whether this is the check word that the page has. */
  isCheckWord(typed: string): boolean;
};

/** A kit whose shares were combined. */
export type OpenedKit = Disposable & {
  readonly id: string;
  readonly vaultSecret: UnlockSecret;
  /**
   * Finds the newest good copies of a key store.
   *
   * @param signingKey  null: not known; the copies' own word is taken
   * @throws {LockstepError} what the places throw
   */
  findCopies(
    places: readonly { readonly place: string; readonly objects: Store }[],
    signingKey: Uint8Array | null,
  ): Promise<FoundCopies>;
};

/** What was found, for people; and for `App.recoverKeyStore`, which takes what `findCopies` gave. */
export type FoundCopies = {
  /** Null where no copy is good. */
  readonly newest: {
    readonly storeId: string;
    readonly epoch: number;
    readonly number: number;
    readonly at: string;
    readonly signingKey: Uint8Array;
  } | null;
  /** What is newer and was refused, and why, in words. */
  readonly refused: readonly string[];
  /** The newest of these that the key store itself signed, of which a copy before is missing; null: none. */
  readonly cut: { readonly epoch: number; readonly number: number } | null;
};
