import { LockstepError } from "#errors/errors.ts";
import { openCbc } from "#volume/cipher/cbc.ts";
import { openEcb } from "#volume/cipher/ecb.ts";
import { openElephant } from "#volume/cipher/elephant.ts";
import type { Elephant } from "#volume/cipher/elephant.ts";
import { openLrw } from "#volume/cipher/lrw.ts";
import type { SectorCipher, SectorCipherSpec } from "#volume/cipher/sector-cipher-spec.ts";
import type { SectorDecrypter, SplitKey } from "#volume/cipher/sector-decrypter.ts";
import { openSectorIvs } from "#volume/cipher/sector-iv.ts";
import type { SectorIvs } from "#volume/cipher/sector-iv.ts";
import { flawOf, splitKey } from "#volume/cipher/spec-flaw.ts";
import { openXts } from "#volume/cipher/xts.ts";

/** So many bytes go through all passes before the next ones, so that the passes find them in the processor's cache. */
const CHUNK_BYTES = 64 * 1024;

/**
 * Sets up the decryption of sectors.
 *
 * It does not verify that the key is the right one: nothing of a sector says so.
 *
 * @param key  the volume key, `spec.keyBytes` long; not kept, but what is derived from it is, until disposal. OpenSSL's
 *   own copies go when the garbage collector takes them
 * @returns    decrypts any number of sectors, wherever they start in memory, shared or not; not to be used by two
 *   threads at a time. Sector numbers wrap at 2^64
 * @throws {LockstepError} VOLUME_UNSUPPORTED: the spec is no possible one · ARGUMENT_INVALID: the key is not of the
 *   spec's length; later: the data is not whole sectors, or the key was wiped
 */
export function openSectorCipher(spec: SectorCipherSpec, key: Uint8Array): SectorCipher {
  const flaw = flawOf(spec);
  if (flaw !== null) throw new LockstepError("VOLUME_UNSUPPORTED", flaw);
  if (key.length !== spec.keyBytes) {
    throw new LockstepError("ARGUMENT_INVALID", `volume key: ${spec.keyBytes} bytes are needed, ${key.length} given`);
  }

  const parts = splitKey(spec, key);
  const ivs = openSectorIvs(spec, key, parts.data);
  const elephant = spec.diffuser ? openElephant(spec.cipher, parts.second) : null;
  const decrypter = openMode(spec, parts, ivs, elephant);

  const assertWhole = (sectors: Uint8Array): void => {
    if (sectors.length % spec.sectorBytes === 0) return;
    const message = `sectors: ${sectors.length} bytes are not whole sectors of ${spec.sectorBytes}`;
    throw new LockstepError("ARGUMENT_INVALID", message);
  };
  const numberAt = (ivBase: bigint, offsetBytes: number): bigint => ivBase + BigInt(offsetBytes / spec.ivUnitBytes);

  return {
    spec,
    decrypt: (sectors, ivBase) => {
      assertWhole(sectors);
      for (let at = 0; at < sectors.length; at += CHUNK_BYTES) {
        decrypter.decrypt(sectors.subarray(at, at + CHUNK_BYTES), numberAt(ivBase, at));
      }
    },
    [Symbol.dispose]: () => {
      for (const part of [ivs, elephant, decrypter]) part?.[Symbol.dispose]();
    },
  };
}

function openMode(spec: SectorCipherSpec, key: SplitKey, ivs: SectorIvs, elephant: Elephant | null): SectorDecrypter {
  switch (spec.mode) {
    case "xts":
      return openXts(spec, key, ivs);
    case "cbc":
      return openCbc(spec, key, ivs, elephant);
    case "lrw":
      return openLrw(spec, key, ivs);
    case "ecb":
      return openEcb(spec, key);
  }
}
