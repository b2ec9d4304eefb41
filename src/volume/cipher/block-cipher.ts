import { createCipheriv, createDecipheriv } from "node:crypto";

import { LockstepError } from "#errors/errors.ts";
import { isKeySize } from "#volume/cipher/key-size.ts";
import type { BlockCipher } from "#volume/cipher/sector-cipher-spec.ts";
import { Serpent } from "#volume/cipher/serpent.ts";
import { Twofish } from "#volume/cipher/twofish.ts";
import { bytesOf, wordsOf, xorWords } from "#volume/cipher/words.ts";

/** Bytes of a block; the same for all ciphers that are read here. */
export const BLOCK_BYTES = 16;

/** A block cipher with its key. All of it takes whole blocks, and gives a new array that starts on a word. */
export interface KeyedBlocks extends Disposable {
  /** Encrypts every block by itself (ECB). */
  encrypt(blocks: Uint8Array): Uint8Array;
  /** Decrypts every block by itself (ECB). */
  decrypt(blocks: Uint8Array): Uint8Array;
  /** Decrypts all blocks as one CBC chain whose initial vector is zero. */
  decryptChain(blocks: Uint8Array): Uint8Array;
}

/** A cipher written in this folder: works in place on the words of whole blocks, little-endian. */
export interface WordCipher {
  encrypt(words: Int32Array): void;
  decrypt(words: Int32Array): void;
  /** Zeroes what was derived from the key. */
  wipe(): void;
}

/**
 * Sets up a block cipher: OpenSSL's where it has one.
 *
 * @param key  not kept; what is derived from it is wiped on disposal where it is ours, and dropped where it is OpenSSL's
 * @throws {LockstepError} VOLUME_UNSUPPORTED: the cipher has no keys of that size
 */
export function openBlockCipher(cipher: BlockCipher, key: Uint8Array): KeyedBlocks {
  if (!isKeySize(cipher, key.length)) {
    throw new LockstepError("VOLUME_UNSUPPORTED", `cipher ${cipher}: a key of ${key.length} bytes is not possible`);
  }
  switch (cipher) {
    case "serpent":
      return ownBlocks(new Serpent(key));
    case "twofish":
      return ownBlocks(new Twofish(key));
    case "sm4":
      return opensslBlocks("sm4", key);
    case "aes":
    case "camellia":
    case "aria":
      return opensslBlocks(`${cipher}-${key.length * 8}`, key);
  }
}

/** One OpenSSL object for each use serves for all calls, since without padding it keeps nothing back. */
function opensslBlocks(name: string, key: Uint8Array): KeyedBlocks {
  const open = (): Record<"encrypt" | "decrypt" | "chain", Pick<ReturnType<typeof createCipheriv>, "update">> => ({
    encrypt: createCipheriv(`${name}-ecb`, key, null).setAutoPadding(false),
    decrypt: createDecipheriv(`${name}-ecb`, key, null).setAutoPadding(false),
    chain: createDecipheriv(`${name}-cbc`, key, new Uint8Array(BLOCK_BYTES)).setAutoPadding(false),
  });
  let objects: ReturnType<typeof open> | null = open();
  // The chain object goes on from the last block that it saw; what it mixes in for that is taken out again.
  let carried = new Uint8Array(BLOCK_BYTES);

  const usable = (): ReturnType<typeof open> => objects ?? refuseUse();
  return {
    encrypt: (blocks) => usable().encrypt.update(blocks),
    decrypt: (blocks) => usable().decrypt.update(blocks),
    decryptChain: (blocks) => {
      const last = new Uint8Array(blocks.subarray(-BLOCK_BYTES));
      const plain = usable().chain.update(blocks);
      for (const [at, byte] of carried.entries()) plain[at]! ^= byte;
      carried = last;
      return plain;
    },
    [Symbol.dispose]: () => {
      objects = null;
    },
  };
}

function ownBlocks(cipher: WordCipher): KeyedBlocks {
  let isOpen = true;
  const run = (blocks: Uint8Array, work: (words: Int32Array) => void): Int32Array => {
    if (!isOpen) refuseUse();
    const words = wordsOf(new Uint8Array(blocks));
    work(words);
    return words;
  };
  const decrypt = (blocks: Uint8Array): Int32Array => run(blocks, (words) => cipher.decrypt(words));
  return {
    encrypt: (blocks) => bytesOf(run(blocks, (words) => cipher.encrypt(words))),
    decrypt: (blocks) => bytesOf(decrypt(blocks)),
    decryptChain: (blocks) => {
      const plain = decrypt(blocks);
      const before = wordsOf(new Uint8Array(blocks));
      const rest = plain.subarray(BLOCK_BYTES / 4);
      xorWords(rest, rest, before.subarray(0, -BLOCK_BYTES / 4));
      return bytesOf(plain);
    },
    [Symbol.dispose]: () => {
      isOpen = false;
      cipher.wipe();
    },
  };
}

function refuseUse(): never {
  throw new LockstepError("ARGUMENT_INVALID", "sectors: the cipher's key was wiped");
}
