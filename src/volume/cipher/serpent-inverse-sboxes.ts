/**
 * Serpent's inverse S-boxes as logical operations on the words of a block: bit n of the four words together is one input, the first
 * word its lowest bit. Each works on all blocks, in place. They come out of a search for few operations; the test holds each
 * to its table.
 *
 * @see Anderson, Biham, Knudsen: "Serpent: A Proposal for the Advanced Encryption Standard" (1998), appendix A.5
 */
export const inverseSboxes: readonly ((words: Int32Array) => void)[] = [i0, i1, i2, i3, i4, i5, i6, i7];

function i0(words: Int32Array): void {
  for (let at = 0; at < words.length; at += 4) {
    const a = words[at]!;
    const b = words[at + 1]!;
    const c = words[at + 2]!;
    const d = words[at + 3]!;
    const t0 = c & a;
    const t1 = b ^ a;
    const t2 = (c ^ a) & (c ^ b);
    const t3 = t2 ^ d;
    const t4 = ~t1 | c;
    const t5 = t4 ^ t3;
    const t6 = t5 | t2;
    const t7 = t0 ^ b ^ t6;
    const t8 = t3 ^ t0 ^ (t6 | t1);
    words[at] = t8;
    words[at + 1] = (t8 | t7) ^ (t4 ^ t2);
    words[at + 2] = t5;
    words[at + 3] = t7;
  }
}

function i1(words: Int32Array): void {
  for (let at = 0; at < words.length; at += 4) {
    const a = words[at]!;
    const b = words[at + 1]!;
    const c = words[at + 2]!;
    const d = words[at + 3]!;
    const t0 = d ^ b;
    const t1 = c ^ a;
    const t2 = (t0 & d) ^ t1;
    const t3 = ~t0;
    const t4 = t0 ^ c;
    const t5 = (t3 | t2) & t4;
    const t6 = t5 ^ (t1 | b);
    words[at] = (t3 | a) ^ (t6 ^ b);
    words[at + 1] = t6 ^ t1;
    words[at + 2] = ((t3 ^ t2) | t5) ^ (t4 & d);
    words[at + 3] = t2;
  }
}

function i2(words: Int32Array): void {
  for (let at = 0; at < words.length; at += 4) {
    const a = words[at]!;
    const b = words[at + 1]!;
    const c = words[at + 2]!;
    const d = words[at + 3]!;
    const t0 = ~d;
    const t1 = c ^ b;
    const t2 = c ^ a;
    const t3 = ((t0 ^ c) & b) ^ t2;
    const t4 = t1 ^ t0;
    const t5 = (t4 & (t3 | t1)) ^ (t3 | c);
    const t6 = t4 & t0;
    const t7 = t6 ^ (t5 ^ t2);
    words[at] = t3;
    words[at + 1] = t5;
    words[at + 2] = t7;
    words[at + 3] = (t7 & t3) ^ (t6 ^ c);
  }
}

function i3(words: Int32Array): void {
  for (let at = 0; at < words.length; at += 4) {
    const a = words[at]!;
    const b = words[at + 1]!;
    const c = words[at + 2]!;
    const d = words[at + 3]!;
    const t0 = (c & b) ^ a;
    const t1 = t0 ^ b;
    const t2 = t1 | d;
    const t3 = t2 ^ (c ^ b);
    const t4 = (t3 ^ d) & t2;
    const t5 = t4 ^ t0;
    const t6 = (t5 & t1) ^ c;
    const t7 = (t6 & t3) ^ t1;
    words[at] = t3;
    words[at + 1] = (t7 | t4) ^ t3 ^ t6;
    words[at + 2] = t5;
    words[at + 3] = t7;
  }
}

function i4(words: Int32Array): void {
  for (let at = 0; at < words.length; at += 4) {
    const a = words[at]!;
    const b = words[at + 1]!;
    const c = words[at + 2]!;
    const d = words[at + 3]!;
    const t0 = ~a;
    const t1 = t0 & b;
    const t2 = t1 ^ t0;
    const t3 = t0 | c;
    const t4 = d ^ c;
    const t5 = (t4 & t3) ^ (t3 ^ t2 ^ b);
    const t6 = (t5 & d) ^ (t4 ^ t1);
    const t7 = t6 ^ d ^ (t5 | t0);
    words[at] = t7;
    words[at + 1] = t5;
    words[at + 2] = (t7 & t6) ^ (t4 ^ t2);
    words[at + 3] = t6;
  }
}

function i5(words: Int32Array): void {
  for (let at = 0; at < words.length; at += 4) {
    const a = words[at]!;
    const b = words[at + 1]!;
    const c = words[at + 2]!;
    const d = words[at + 3]!;
    const t0 = (d & a) ^ c;
    const t1 = t0 & b;
    const t2 = t1 ^ (d ^ a);
    const t3 = t0 ^ d;
    const t4 = t1 ^ c;
    const t5 = (t4 | (b ^ a)) ^ t3;
    const t6 = t3 ^ b;
    words[at] = t2;
    words[at + 1] = t5;
    words[at + 2] = (t5 | t2) ^ t6;
    words[at + 3] = ((t5 ^ t4) & t6) ^ ~d;
  }
}

function i6(words: Int32Array): void {
  for (let at = 0; at < words.length; at += 4) {
    const a = words[at]!;
    const b = words[at + 1]!;
    const c = words[at + 2]!;
    const d = words[at + 3]!;
    const t0 = c | b;
    const t1 = ~b;
    const t2 = (t0 | d) ^ a;
    const t3 = (t2 & c) ^ d;
    const t4 = t3 ^ t1;
    const t5 = t4 ^ c;
    const t6 = t3 | a;
    const t7 = t2 ^ t1 ^ t0;
    const t8 = (t7 & t6) ^ t5;
    words[at] = ((t6 ^ t5) | t4) ^ t2;
    words[at + 1] = t4;
    words[at + 2] = (t8 & t7) ^ t3;
    words[at + 3] = t8;
  }
}

function i7(words: Int32Array): void {
  for (let at = 0; at < words.length; at += 4) {
    const a = words[at]!;
    const b = words[at + 1]!;
    const c = words[at + 2]!;
    const d = words[at + 3]!;
    const t0 = d | c;
    const t1 = (c ^ a) & t0;
    const t2 = (t0 & b) ^ (d ^ a);
    const t3 = t2 ^ ~(t1 | c);
    const t4 = d & a;
    const t5 = (t4 | b) ^ t1;
    const t6 = t5 ^ t0;
    const t7 = t5 ^ t4;
    const t8 = t2 ^ (~t0 | a);
    words[at] = t8 ^ t7;
    words[at + 1] = t3;
    words[at + 2] = t6;
    words[at + 3] = (t6 & t3) ^ t7;
  }
}
