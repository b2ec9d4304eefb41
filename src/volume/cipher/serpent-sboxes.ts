/**
 * Serpent's S-boxes as logical operations on the words of a block: bit n of the four words together is one input, the first
 * word its lowest bit. Each works on all blocks, in place. They come out of a search for few operations; the test holds each
 * to its table.
 *
 * @see Anderson, Biham, Knudsen: "Serpent: A Proposal for the Advanced Encryption Standard" (1998), appendix A.5
 */
export const sboxes: readonly ((words: Int32Array) => void)[] = [s0, s1, s2, s3, s4, s5, s6, s7];

function s0(words: Int32Array): void {
  for (let at = 0; at < words.length; at += 4) {
    const a = words[at]!;
    const b = words[at + 1]!;
    const c = words[at + 2]!;
    const d = words[at + 3]!;
    const t0 = (d | a) ^ (c ^ b);
    const t1 = d ^ c;
    const t2 = t0 ^ a;
    const t3 = t1 ^ a;
    const t4 = t2 ^ c;
    const t5 = ~t3 | (t0 & c);
    words[at] = (t2 & t1) ^ t5 ^ (t4 & t3);
    words[at + 1] = t5 ^ (t0 & d);
    words[at + 2] = ((t4 | t3) & t5) ^ t1;
    words[at + 3] = t0;
  }
}

function s1(words: Int32Array): void {
  for (let at = 0; at < words.length; at += 4) {
    const a = words[at]!;
    const b = words[at + 1]!;
    const c = words[at + 2]!;
    const d = words[at + 3]!;
    const t0 = ~b;
    const t1 = t0 | a;
    const t2 = t1 ^ c;
    const t3 = t2 ^ d;
    const t4 = t2 | t0;
    const t5 = (d ^ b) & a;
    const t6 = t4 ^ b ^ t5 ^ (b | a);
    const t7 = t6 & t3;
    const t8 = t7 ^ (t5 ^ ~t1);
    const t9 = t4 ^ d ^ a ^ t7;
    const t10 = t9 ^ (t3 & t0);
    words[at] = ((t10 ^ t8) & t10) ^ t2;
    words[at + 1] = t8;
    words[at + 2] = t3;
    words[at + 3] = t10;
  }
}

function s2(words: Int32Array): void {
  for (let at = 0; at < words.length; at += 4) {
    const a = words[at]!;
    const b = words[at + 1]!;
    const c = words[at + 2]!;
    const d = words[at + 3]!;
    const t0 = (c | a) ^ b;
    const t1 = t0 ^ d;
    const t2 = t1 ^ a;
    const t3 = ~c ^ t2;
    const t4 = t3 | b;
    const t5 = (t3 & a) ^ b ^ t2;
    words[at] = t2;
    words[at + 1] = (t5 | t0) & t4;
    words[at + 2] = ((t0 ^ a) & t5) ^ t1;
    words[at + 3] = t4 ^ t1;
  }
}

function s3(words: Int32Array): void {
  for (let at = 0; at < words.length; at += 4) {
    const a = words[at]!;
    const b = words[at + 1]!;
    const c = words[at + 2]!;
    const d = words[at + 3]!;
    const t0 = b ^ a;
    const t1 = d ^ c;
    const t2 = d & a;
    const t3 = d | b;
    const t4 = ((t3 ^ t2) & t1) ^ t0;
    const t5 = (t3 ^ t0) & (t1 | ~b);
    const t6 = t5 ^ c;
    const t7 = t6 & t4;
    words[at] = t4;
    words[at + 1] = t7 ^ t0 ^ t2 ^ t5;
    words[at + 2] = t6;
    words[at + 3] = t7 ^ (t3 ^ t1);
  }
}

function s4(words: Int32Array): void {
  for (let at = 0; at < words.length; at += 4) {
    const a = words[at]!;
    const b = words[at + 1]!;
    const c = words[at + 2]!;
    const d = words[at + 3]!;
    const t0 = c ^ a;
    const t1 = d ^ a;
    const t2 = t1 | (b ^ a);
    const t3 = t2 ^ ~t0;
    const t4 = t2 ^ t0;
    const t5 = (t4 | b) ^ t1;
    const t6 = (t4 | d) ^ b;
    words[at] = t3;
    words[at + 1] = (t6 | t5) ^ (t4 ^ d);
    words[at + 2] = ((t3 & c) | t1) ^ t6;
    words[at + 3] = t5;
  }
}

function s5(words: Int32Array): void {
  for (let at = 0; at < words.length; at += 4) {
    const a = words[at]!;
    const b = words[at + 1]!;
    const c = words[at + 2]!;
    const d = words[at + 3]!;
    const t0 = b | a;
    const t1 = b ^ a;
    const t2 = t0 ^ a ^ c;
    const t3 = ~t1;
    const t4 = t3 ^ d;
    const t5 = (t4 | t1) ^ t2;
    const t6 = t0 ^ c;
    const t7 = t6 & t5;
    words[at] = t5;
    words[at + 1] = t3 ^ (t2 | d);
    words[at + 2] = t7 ^ t4;
    words[at + 3] = ((t6 ^ t4) | t7) ^ t1;
  }
}

function s6(words: Int32Array): void {
  for (let at = 0; at < words.length; at += 4) {
    const a = words[at]!;
    const b = words[at + 1]!;
    const c = words[at + 2]!;
    const d = words[at + 3]!;
    const t0 = d ^ a;
    const t1 = ~b;
    const t2 = t1 ^ c ^ (d & a);
    const t3 = t0 & c;
    const t4 = (t3 & b) ^ (b | a);
    const t5 = t4 ^ b ^ ((d ^ b) | t2);
    const t6 = t5 ^ d ^ ((t1 | t0) ^ t3);
    words[at] = ~t6;
    words[at + 1] = t2;
    words[at + 2] = t5;
    words[at + 3] = t4 ^ (t0 | c);
  }
}

function s7(words: Int32Array): void {
  for (let at = 0; at < words.length; at += 4) {
    const a = words[at]!;
    const b = words[at + 1]!;
    const c = words[at + 2]!;
    const d = words[at + 3]!;
    const t0 = d | b;
    const t1 = t0 ^ d;
    const t2 = c ^ b;
    const t3 = c ^ a;
    const t4 = (t2 & a) | d;
    const t5 = (t2 ^ t0) | t3;
    const t6 = t5 ^ ~(t4 ^ a);
    const t7 = ((t6 | t1) & a) ^ t2;
    const t8 = t7 & t4;
    words[at] = t6;
    words[at + 1] = t8 ^ t4 ^ t3 ^ (t7 & t6);
    words[at + 2] = t8 ^ (t5 ^ t1);
    words[at + 3] = t7;
  }
}
