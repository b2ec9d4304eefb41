import { createCipheriv } from "node:crypto";

import { utf8 } from "#bytes/text.ts";
import { sha256 } from "#crypto/derive.ts";
import type { Random } from "#crypto/derive.ts";

/** Randomness that is the same in every run: AES-256-CTR under a key made from `seed`. */
export function seededRandom(seed: string): Random {
  const stream = createCipheriv("aes-256-ctr", sha256(utf8(seed)), new Uint8Array(16));
  return (length) => new Uint8Array(stream.update(new Uint8Array(length)));
}
