import { LockstepError } from "#errors/errors.ts";
import { hashBytes, isHashKnown } from "#volume/cipher/hash.ts";
import type { VolumeKeyDigest } from "#volume/luks/luks-keyslot.ts";
import { headerBase64 } from "#volume/luks2/base64.ts";
import type { Luks2Digest } from "#volume/luks2/metadata.ts";
import { visibleText } from "#volume/source/visible-text.ts";

const SALT_BYTES = 32;
/** SHA-1's, which LUKS1 had: a digest of fewer bytes is easily fitted to another key. */
const LEAST_DIGEST_BYTES = 20;
const MOST_DIGEST_BYTES = 64;
/** Node's limit; cryptsetup writes far fewer. */
const MOST_ITERATIONS = 2 ** 31 - 1;

/**
 * How a key is verified by a digest.
 *
 * @throws {LockstepError} HEADER_CORRUPT: it verifies nothing, and why: it is too short, say · VOLUME_UNSUPPORTED: a type or
 *   hash that is not known here
 * @see LUKS2 On-Disk Format Specification 1.1, section 3.4
 */
export function verifierOf(digest: Luks2Digest): VolumeKeyDigest {
  const path = `LUKS2 header: digests.${digest.number}`;
  const wrong = (member: string, found: string): LockstepError =>
    new LockstepError("HEADER_CORRUPT", `${path}.${member}: ${found}`);
  const unknown = (member: string, found: string): LockstepError =>
    new LockstepError("VOLUME_UNSUPPORTED", `${path}.${member}: ${visibleText(found.slice(0, 80))} is not known here`);
  const { pbkdf2, fault } = digest;
  if (fault !== null) throw fault;
  if (pbkdf2 === null) throw unknown("type", digest.type);
  const hash = pbkdf2.hash.toLowerCase();
  if (!isHashKnown(hash)) throw unknown("hash", hash);
  const { iterations } = pbkdf2;
  if (iterations < 1n || iterations > MOST_ITERATIONS) throw wrong("iterations", `${iterations} are not possible`);
  const salt = headerBase64(pbkdf2.salt);
  if (salt?.length !== SALT_BYTES) throw wrong("salt", `it is not ${SALT_BYTES} bytes in base64`);
  const bytes = headerBase64(pbkdf2.digest);
  if (bytes === null) throw wrong("digest", "it is not base64");
  if (bytes.length < LEAST_DIGEST_BYTES || bytes.length > MOST_DIGEST_BYTES) {
    throw wrong("digest", `it has ${bytes.length} bytes, ${LEAST_DIGEST_BYTES} to ${MOST_DIGEST_BYTES} are allowed`);
  }
  if (bytes.length !== LEAST_DIGEST_BYTES && bytes.length !== hashBytes(hash)) {
    throw wrong("digest", `it has ${bytes.length} bytes, its hash ${hash} gives ${hashBytes(hash)}`);
  }
  return {
    kdf: { kind: "pbkdf2", hash, iterations: Number(iterations), salt, keyBytes: bytes.length },
    digest: bytes,
  };
}

/** Why a digest verifies nothing here; null when it does. */
export function digestFault(digest: Luks2Digest): LockstepError | null {
  try {
    verifierOf(digest);
    return null;
  } catch (error) {
    if (error instanceof LockstepError) return error;
    throw error;
  }
}
