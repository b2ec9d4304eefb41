import { argon2 as nativeArgon2 } from "node:crypto";
import { promisify } from "node:util";

import { Secret } from "#bytes/secret.ts";
import { LockstepError, messageOf } from "#errors/errors.ts";
import { bitlockerStretch } from "#kdf/bitlocker-stretch.ts";
import { pbkdf2 } from "#kdf/pbkdf2.ts";
import type { KdfRequest } from "#volume/header/kdf.ts";

const argon2 = promisify(nativeArgon2);

/** No volume has a longer key. */
const KEY_BYTES_MAX = 64 * 1024;

/**
 * Derives a key in this process. It cannot be stopped, and copies of the secret stay in this process' memory: for a child
 * process that ends afterwards, and for tests. Does not limit the cost.
 *
 * @param secret  see `KeyDeriver`; left as it is
 * @throws {LockstepError} VOLUME_UNSUPPORTED: no such derivation is defined · KDF_FAILED: it ran out of memory or threads
 * @see RFC 8018, section 5.2 (PBKDF2); RFC 9106 (Argon2, version 0x13)
 */
export async function deriveKey(request: KdfRequest, secret: Secret): Promise<Secret> {
  const fault = requestFault(request, secret.bytes.length);
  if (fault !== null) throw new LockstepError("VOLUME_UNSUPPORTED", `deriving a key by ${request.kind}: ${fault}`);
  try {
    return new Secret(await derived(request, secret.bytes));
  } catch (error) {
    if (error instanceof LockstepError) throw error;
    const why = `deriving a key by ${request.kind}: ${messageOf(error)}${needs(request)}`;
    throw new LockstepError("KDF_FAILED", why, { cause: error });
  }
}

async function derived(request: KdfRequest, secret: Uint8Array): Promise<Uint8Array> {
  switch (request.kind) {
    case "pbkdf2":
      return pbkdf2({ ...request, password: secret });
    case "argon2i":
    case "argon2id": {
      const key = await argon2(request.kind, {
        message: secret,
        nonce: request.salt,
        parallelism: request.lanes,
        memory: request.memoryKiB,
        passes: request.passes,
        tagLength: request.keyBytes,
      });
      return new Uint8Array(key.buffer, key.byteOffset, key.length);
    }
    case "bitlocker":
      return bitlockerStretch(secret, request.salt, request.rounds);
    default:
      return request satisfies never;
  }
}

/** What OpenSSL does not say when there is too little of it. */
function needs(request: KdfRequest): string {
  if (!("memoryKiB" in request)) return "";
  return `; it needs ${Math.ceil(request.memoryKiB / 1024)} MiB of memory and ${request.lanes} threads`;
}

/** Why a derivation is not defined for such numbers, in words; null when it is. */
function requestFault(request: KdfRequest, secretBytes: number): string | null {
  const beyond = (what: string, value: number, least: number, most: number): string | null =>
    Number.isSafeInteger(value) && value >= least && value <= most
      ? null
      : `${what}: ${value} is not from ${least} to ${most}`;
  switch (request.kind) {
    case "pbkdf2":
      return (
        beyond("rounds", request.iterations, 1, Number.MAX_SAFE_INTEGER) ??
        beyond("bytes of key", request.keyBytes, 1, KEY_BYTES_MAX)
      );
    case "argon2i":
    case "argon2id":
      return (
        // RFC 9106, section 3.1; OpenSSL asks for a salt of at least 8 bytes
        beyond("lanes", request.lanes, 1, 2 ** 24 - 1) ??
        beyond("KiB of memory", request.memoryKiB, 8 * request.lanes, 2 ** 32 - 1) ??
        beyond("passes", request.passes, 1, 2 ** 32 - 1) ??
        beyond("bytes of salt", request.salt.length, 8, 2 ** 32 - 1) ??
        beyond("bytes of key", request.keyBytes, 4, KEY_BYTES_MAX)
      );
    case "bitlocker":
      return (
        beyond("rounds", request.rounds, 1, 2 ** 32 - 1) ??
        beyond("bytes of salt", request.salt.length, 16, 16) ??
        beyond("bytes of hashed secret", secretBytes, 32, 32)
      );
    default:
      return request satisfies never;
  }
}
