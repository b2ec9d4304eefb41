import { concat } from "#bytes/arrays.ts";
import { Cursor } from "#bytes/cursor.ts";
import { Secret } from "#bytes/secret.ts";
import { fromUtf8, utf8 } from "#bytes/text.ts";
import { isLockstepError, LockstepError, messageOf } from "#errors/errors.ts";
import type { KdfRequest } from "#volume/header/kdf.ts";

/** The one message that parent and child send each other: a u32 length, and so many bytes. */
const PREFIX_BYTES = 4;

/** The longest request: a key file may be its secret, of which cryptsetup takes 8 MiB. */
export const REQUEST_BYTES_MAX = 64 * 1024 * 1024;
/** The longest answer. */
export const ANSWER_BYTES_MAX = 128 * 1024;

/** What a derivation came to. */
export type KdfAnswer =
  | { readonly kind: "key"; readonly key: Secret }
  /** It is for the parent to throw. */
  | { readonly kind: "failure"; readonly code: "VOLUME_UNSUPPORTED" | "KDF_FAILED"; readonly message: string };

/** Collects a message that comes in pieces. */
export class MessageReader {
  readonly #most: number;
  readonly #pieces: Uint8Array[] = [];
  #heldBytes = 0;

  /** @param mostBytes  a longer message is refused */
  constructor(mostBytes: number) {
    this.#most = PREFIX_BYTES + mostBytes;
  }

  /**
   * @param piece  taken over, and wiped
   * @returns      the message without its length once it is whole, a copy to be wiped by the caller; null before
   * @throws {LockstepError} KDF_FAILED: it is longer than allowed
   */
  add(piece: Uint8Array): Uint8Array | null {
    this.#pieces.push(piece);
    this.#heldBytes += piece.length;
    if (this.#heldBytes < PREFIX_BYTES) return null;
    const prefix = concat(...this.#pieces.map((held) => held.subarray(0, PREFIX_BYTES)));
    const whole = PREFIX_BYTES + new DataView(prefix.buffer, prefix.byteOffset).getUint32(0, true);
    prefix.fill(0);
    if (whole > this.#most) throw new LockstepError("KDF_FAILED", `deriving a key: a message of ${whole} bytes`);
    if (this.#heldBytes < whole) return null;
    const bytes = concat(...this.#pieces);
    this.wipe();
    return bytes.subarray(PREFIX_BYTES, whole);
  }

  wipe(): void {
    for (const piece of this.#pieces.splice(0)) piece.fill(0);
    this.#heldBytes = 0;
  }
}

/** @returns a copy with the secret in it, to be wiped */
export function writeRequest(request: KdfRequest, secret: Secret): Uint8Array {
  const text = utf8(JSON.stringify({ ...request, salt: request.salt.toHex() }));
  return message(u32(text.length), text, secret.bytes);
}

/** @param body  from a `MessageReader`; the secret is a copy */
export function readRequest(body: Uint8Array): { request: KdfRequest; secret: Secret } {
  const at = new Cursor(body, "key derivation's request");
  const fields = JSON.parse(fromUtf8(at.bytes(at.u32("length"), "request"))) as Omit<KdfRequest, "salt"> & {
    salt: string;
  };
  const secret = new Secret(at.bytes(at.left, "secret").slice());
  return { request: { ...fields, salt: Uint8Array.fromHex(fields.salt) } as KdfRequest, secret };
}

/** @returns a copy with the key in it, to be wiped */
export function writeAnswer(answer: KdfAnswer): Uint8Array {
  if (answer.kind === "key") return message(Uint8Array.of(0), answer.key.bytes);
  return message(
    Uint8Array.of(1),
    utf8(JSON.stringify({ unsupported: answer.code === "VOLUME_UNSUPPORTED", message: answer.message })),
  );
}

/** @param body  from a `MessageReader`; the key is a copy */
export function readAnswer(body: Uint8Array): KdfAnswer {
  const at = new Cursor(body, "key derivation's answer");
  if (at.u8("kind") === 0) return { kind: "key", key: new Secret(at.bytes(at.left, "key").slice()) };
  const said = JSON.parse(fromUtf8(at.bytes(at.left, "failure"))) as { unsupported: boolean; message: string };
  return { kind: "failure", code: said.unsupported ? "VOLUME_UNSUPPORTED" : "KDF_FAILED", message: said.message };
}

/** What was thrown, as an answer. */
export function failureAnswer(error: unknown): KdfAnswer {
  const code = isLockstepError(error, "VOLUME_UNSUPPORTED") ? "VOLUME_UNSUPPORTED" : "KDF_FAILED";
  return { kind: "failure", code, message: messageOf(error) };
}

function message(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  return concat(u32(length), ...parts);
}

function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}
