import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";

import { utf8 } from "#bytes/text.ts";
import { LockstepError } from "#errors/errors.ts";

/** What a field of an identity may be: text, a whole number, bytes, or null where there is nothing. */
export type IdentityValue = string | number | bigint | Uint8Array | null;

/** The fields of an identity in the order in which they are hashed; a name may occur more than once. */
export type IdentityFields = readonly (readonly [name: string, value: IdentityValue])[];

/**
 * SHA-256 of a domain and named fields, encoded so that no two different lists give the same bytes. A number and a bigint
 * of the same value are the same; null, empty text and no bytes are three different values.
 *
 * Does not know what belongs into an identity: see the formats' own lists. Nothing secret may go in.
 *
 * @param domain  what it is the identity of; distinct for each use
 * @returns       64 lower-case hexadecimal digits
 * @throws {LockstepError} ARGUMENT_INVALID: a number that is not whole or is beyond 2^53-1
 * @see docs/format/identities.md
 */
export function identityHash(domain: string, fields: IdentityFields): string {
  const hash = createHash("sha256");
  for (const piece of identityInput(domain, fields)) hash.update(piece);
  return hash.digest("hex");
}

/** What `identityHash` hashes, piece by piece: a hostile header can have much that goes into an identity. */
export function* identityInput(domain: string, fields: IdentityFields): Generator<Uint8Array> {
  yield* withLength(utf8(domain));
  for (const [name, value] of fields) {
    const [tag, bytes] = encode(name, value);
    yield* withLength(utf8(name));
    yield utf8(tag);
    yield* withLength(bytes);
  }
}

function encode(name: string, value: IdentityValue): [tag: string, bytes: Uint8Array] {
  if (value === null) return ["0", new Uint8Array()];
  if (typeof value === "string") {
    // A header written in JSON can hold half a surrogate pair, which UTF-8 cannot.
    return value.isWellFormed() ? ["s", utf8(value)] : ["w", Buffer.from(value, "utf16le")];
  }
  if (typeof value === "bigint") return ["n", utf8(String(value))];
  if (typeof value === "number") {
    if (Number.isSafeInteger(value)) return ["n", utf8(String(value))];
    throw new LockstepError("ARGUMENT_INVALID", `identity: ${name}: ${value} is not a whole number up to 2^53-1`);
  }
  return ["b", value];
}

function withLength(bytes: Uint8Array): readonly Uint8Array[] {
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, bytes.length, true);
  return [length, bytes];
}
