import type { Random } from "#crypto/derive.ts";

/** Sixteen each, so that a byte gives one of each; none is easily taken for another when it is read aloud. */
const consonants = "bdfghjklmnprstvz";
const vowels = "aeiou";

/** Syllables of a check word: one of 80 to the fourth, too many to guess. */
const SYLLABLES = 4;

/** A word that can be said and typed, such as `bafotilu`: typing it back shows that one has the page that it was printed on. */
export function newCheckWord(random: Random): string {
  const bytes = random(SYLLABLES * 2);
  return Array.from({ length: SYLLABLES }, (_, at) => {
    const [consonant = 0, vowel = 0] = bytes.subarray(at * 2);
    return consonants.charAt(consonant % consonants.length) + vowels.charAt(vowel % vowels.length);
  }).join("");
}

/** Whether somebody typed a check word, in either case and with spaces wherever. */
export function isCheckWord(word: string, typed: string): boolean {
  return typed.replaceAll(/[\s-]/g, "").toLowerCase() === word;
}
