import type { Receipt } from "#api/needs.ts";
import type { Secret } from "#bytes/secret.ts";
import type { Store } from "#store/contract.ts";
import type { NewWay, UnlockSecret } from "#vault/unlock-way.ts";

/**
 * What works with the secret of a kit. It is in the memory of the command that uses it, and nowhere else: the command is a
 * short-lived process, whose end is the wipe.
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
  /** @throws {LockstepError} KIT_REJECTED: too few, of several sets, or they do not fit together */
  combine(shares: readonly TypedShare[]): Promise<OpenedKit>;
  /** A signing key as a page prints it. @throws {LockstepError} KIT_INVALID: mistyped, and where */
  parseSigningKey(text: string): Uint8Array;
  /** Whether a key store's receipt is signed by a key. */
  isReceiptSigned(receipt: Receipt, signingKey: Uint8Array): boolean;
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
  /** The kit as its shares would open it. */
  readonly opened: OpenedKit;
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
};
