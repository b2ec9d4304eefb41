import { hash } from "node:crypto";
import { setImmediate } from "node:timers/promises";

/** About a quarter of a second, after which others get a turn. */
const ROUNDS_A_TURN = 2 ** 17;

/**
 * BitLocker's stretching of a hashed password or recovery password: in each round SHA-256 over 88 bytes, which are the last
 * round's hash (zeros at first), `initial`, the salt, and the number of the round as a little-endian u64.
 *
 * @param initial  32 bytes; left as they are
 * @param salt     16 bytes
 * @param rounds   2^20 in every volume
 * @returns        32 bytes
 * @see J. Metz, BitLocker Drive Encryption (BDE) format specification, "Key stretching"
 */
export async function bitlockerStretch(initial: Uint8Array, salt: Uint8Array, rounds: number): Promise<Uint8Array> {
  const state = new Uint8Array(88);
  const counter = new DataView(state.buffer, 80, 8);
  state.set(initial, 32);
  state.set(salt, 64);
  for (let round = 0; round < rounds; round++) {
    counter.setUint32(0, round, true); // a number of rounds fits 32 bits: see `requestFault`
    state.set(hash("sha256", state, "buffer"));
    if ((round + 1) % ROUNDS_A_TURN === 0) await setImmediate();
  }
  const key = state.slice(0, 32);
  state.fill(0);
  return key;
}
