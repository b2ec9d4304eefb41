import { equalBytes } from "#bytes/arrays.ts";
import { hex } from "#bytes/text.ts";
import { sha256 } from "#crypto/derive.ts";
import { LockstepError, isLockstepError, messageOf } from "#errors/errors.ts";
import { copyKeys, copyName, isCopySignedBy, parseCopy, parseCopyKey, signingKeyOf } from "#keys/copies/copy-format.ts";
import type { ParsedCopy } from "#keys/copies/copy-format.ts";
import { openCopy } from "#keys/copies/copy-seal.ts";
import type { CopiesIdentity } from "#keys/kit/kit-secret.ts";
import type { Store } from "#store/contract.ts";

/** The longest copy that is read. */
const LIMIT_BYTES = 2 ** 31;

/** A place that may have copies. */
export type SearchedPlace = { readonly place: string; readonly objects: Store };

/** A copy by its name; whether it is one was not looked at. */
export type NamedCopy = {
  readonly place: string;
  readonly epoch: number;
  readonly number: number;
  readonly sizeBytes: number;
};

/** The newest state of a store that its copies give. */
export type FoundChain = {
  /** A full copy, and the increments after it in their order. */
  readonly copies: readonly [ParsedCopy, ...ParsedCopy[]];
  /** Ed25519, 32 bytes: all of them are signed by it. */
  readonly signingKey: Uint8Array;
};

export type CopySearch = {
  /** The newest good chain; null where no copy is good. */
  readonly chain: FoundChain | null;
  /** What is newer than that and was refused, and why, in words. */
  readonly refused: readonly string[];
  /** The newest of these that the store itself signed: a copy that it goes on from is missing. Null: none. */
  readonly cut: Pick<NamedCopy, "epoch" | "number"> | null;
  /** Everything that has the name of a copy. */
  readonly named: readonly NamedCopy[];
};

/**
 * Finds the newest state that copies in some places give. A copy counts where the kit opens it, it is what its name says, it is
 * signed by the signing key, and so are all that it goes on from, back to a full one.
 *
 * Does not notice that newer copies were taken away: receipts in vaults do.
 *
 * @param signingKey  of the store; null: not known, so the copy's own word is taken, and the caller has to compare it
 * @throws {LockstepError} what the places throw; CANCELLED
 */
export async function findCopies(
  identity: CopiesIdentity,
  places: readonly SearchedPlace[],
  signingKey: Uint8Array | null,
  signal: AbortSignal,
): Promise<CopySearch> {
  const named: NamedCopy[] = [];
  for (const place of places) named.push(...(await namedCopies(place, signal)));
  const refused: string[] = [];
  const unfollowed: { readonly of: Pick<NamedCopy, "epoch" | "number">; readonly key: Uint8Array }[] = [];
  const reader = new CopyReader(identity, places, signal);
  const newestFirst = named.toSorted((a, b) => b.epoch - a.epoch || b.number - a.number);
  for (const { place, epoch, number } of newestFirst) {
    try {
      const copy = await reader.read(place, epoch, number);
      const key = signingKey ?? signingKeyOf(copy.parsed.header);
      if (isCopySignedBy(copy.parsed, key)) unfollowed.push({ of: { epoch, number }, key });
      const copies = await reader.follow(copy, key);
      const signed = unfollowed.find((each) => equalBytes(each.key, key))?.of;
      const cut = signed?.epoch === epoch && signed.number === number ? null : (signed ?? null);
      return { chain: { copies, signingKey: key }, refused, cut, named };
    } catch (error) {
      if (!isLockstepError(error, "COPY_REJECTED", "OBJECT_TOO_LARGE", "KEY_STORE_NEWER")) throw error;
      refused.push(`${copyName(epoch, number)} in ${place}: ${messageOf(error)}`);
    }
  }
  return { chain: null, refused, cut: null, named };
}

/** Everything in a place that has the name of a copy. @throws {LockstepError} what the place throws */
export async function namedCopies({ place, objects }: SearchedPlace, signal: AbortSignal): Promise<NamedCopy[]> {
  const named: NamedCopy[] = [];
  for await (const { key, sizeBytes } of objects.list(copyKeys.prefix, {}, signal)) {
    const name = parseCopyKey(key);
    if (name === null || name.number === null) continue;
    named.push({ place, epoch: name.epoch, number: name.number, sizeBytes });
  }
  return named;
}

type ReadCopy = { readonly parsed: ParsedCopy; readonly sha256: Uint8Array };

/** Reads copies from several places. */
class CopyReader {
  readonly #identity: CopiesIdentity;
  readonly #places: readonly SearchedPlace[];
  readonly #signal: AbortSignal;

  constructor(identity: CopiesIdentity, places: readonly SearchedPlace[], signal: AbortSignal) {
    this.#identity = identity;
    this.#places = places;
    this.#signal = signal;
  }

  /** @throws {LockstepError} COPY_REJECTED: it is gone, the kit does not open it, or it is not what its name says */
  async read(place: string, epoch: number, number: number): Promise<ReadCopy> {
    const objects = this.#places.find((each) => each.place === place)?.objects;
    const sealed = (await objects?.get(copyKeys.copy(epoch, number), LIMIT_BYTES, this.#signal)) ?? null;
    if (sealed === null) throw rejected("it is gone");
    const plain = await openCopy(this.#identity, sealed);
    if (plain === null) throw rejected("the kit does not open it: it is of another kit, damaged, or forged");
    const parsed = parseCopy(copyName(epoch, number), plain);
    const { header } = parsed;
    if (header.epoch !== epoch || header.number !== number) {
      throw rejected(`it is ${copyName(header.epoch, header.number)} under another name`);
    }
    return { parsed, sha256: sha256(sealed) };
  }

  /** A copy, and what it goes on from, the full one first. @throws {LockstepError} COPY_REJECTED */
  async follow(newest: ReadCopy, key: Uint8Array): Promise<[ParsedCopy, ...ParsedCopy[]]> {
    const copies: ParsedCopy[] = [];
    for (let copy = newest; ;) {
      const { header } = copy.parsed;
      if (!isCopySignedBy(copy.parsed, key))
        throw rejected(`${nameOf(copy)} is not signed by the key store: it is forged`);
      if (header.store !== newest.parsed.header.store) throw rejected(`${nameOf(copy)} is of another key store`);
      if (header.previous === null || header.previousNumber === null) return [copy.parsed, ...copies];
      copies.unshift(copy.parsed);
      copy = await this.#previous(copy, header.previousNumber, header.previous);
    }
  }

  async #previous(copy: ReadCopy, number: number, digest: string): Promise<ReadCopy> {
    const { epoch, number: own } = copy.parsed.header;
    if (number >= own) throw rejected(`${nameOf(copy)} goes on from a later one`);
    let why = "it is in no place";
    for (const { place } of this.#places) {
      try {
        const found = await this.read(place, epoch, number);
        if (hex(found.sha256) === digest) return found;
        why = `the one in ${place} is another`;
      } catch (error) {
        if (!isLockstepError(error, "COPY_REJECTED", "OBJECT_TOO_LARGE")) throw error;
      }
    }
    throw rejected(`${copyName(epoch, number)}, which it goes on from, is missing: ${why}`);
  }
}

function nameOf({ parsed: { header } }: ReadCopy): string {
  return copyName(header.epoch, header.number);
}

function rejected(why: string): LockstepError {
  return new LockstepError("COPY_REJECTED", why);
}
