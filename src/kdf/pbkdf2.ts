import { getHashes, pbkdf2 as nativePbkdf2 } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { promisify } from "node:util";

import { concat } from "#bytes/arrays.ts";

/** The most rounds that OpenSSL's PBKDF2 takes through Node. */
const NATIVE_ROUNDS = 2 ** 31 - 1;
const ROUNDS_A_TURN = 2 ** 15;

/** What PBKDF2 is asked for; `password` and `salt` are left as they are. */
export type Pbkdf2Input = {
  readonly password: Uint8Array;
  readonly salt: Uint8Array;
  /** OpenSSL's name. */
  readonly hash: string;
  readonly iterations: number;
  readonly keyBytes: number;
};

/** HMAC with one key. */
type Mac = (...parts: readonly Uint8Array[]) => Uint8Array;

/**
 * PBKDF2: OpenSSL's where it has the hash and takes the number of rounds, else our own.
 *
 * @throws {LockstepError} VOLUME_UNSUPPORTED: the hash is not known here
 * @see RFC 8018, section 5.2
 */
export async function pbkdf2(input: Pbkdf2Input): Promise<Uint8Array> {
  const { password, salt, hash, iterations, keyBytes } = input;
  if (iterations <= NATIVE_ROUNDS && getHashes().includes(hash)) {
    return new Uint8Array(await promisify(nativePbkdf2)(password, salt, iterations, keyBytes, hash));
  }
  // Loaded only where it is needed: a process that derives one key starts faster without it.
  const { digest, hmac, opensslHash } = await import("#volume/cipher/hash.ts");
  const name = opensslHash(hash);
  if (name !== null && name !== hash) return pbkdf2({ ...input, hash: name });
  if (name !== null) return pbkdf2With((...parts) => hmac(name, password, ...parts), input);
  return pbkdf2With(whirlpoolMac(digest, password), input);
}

/** HMAC, with the two pads of the key made once: half as long as making them in each round. @see RFC 2104, section 2 */
function whirlpoolMac(
  digest: (name: string, ...parts: readonly Uint8Array[]) => Uint8Array,
  password: Uint8Array,
): Mac {
  const blockBytes = 64;
  const key = new Uint8Array(blockBytes);
  key.set(password.length > blockBytes ? digest("whirlpool", password) : password);
  const inner = key.map((byte) => byte ^ 0x36);
  const outer = key.map((byte) => byte ^ 0x5c);
  return (...parts) => digest("whirlpool", outer, digest("whirlpool", inner, ...parts));
}

/** PBKDF2 written plainly, for a MAC that is keyed with the password. @see RFC 8018, section 5.2, where the names are from */
export async function pbkdf2With(
  mac: Mac,
  { salt, iterations, keyBytes }: Pick<Pbkdf2Input, "salt" | "iterations" | "keyBytes">,
): Promise<Uint8Array> {
  const blocks: Uint8Array[] = [];
  let madeBytes = 0;
  for (let i = 1; madeBytes < keyBytes; i++) {
    const number = new Uint8Array(4);
    new DataView(number.buffer).setUint32(0, i);
    let u = mac(salt, number);
    const t = u.slice();
    for (let c = 1; c < iterations; c++) {
      u = mac(u);
      for (let at = 0; at < t.length; at++) t[at] = (t[at] ?? 0) ^ (u[at] ?? 0);
      if (c % ROUNDS_A_TURN === 0) await setImmediate();
    }
    blocks.push(t);
    madeBytes += t.length;
  }
  const whole = concat(...blocks);
  for (const block of blocks) block.fill(0);
  return whole.subarray(0, keyBytes);
}
