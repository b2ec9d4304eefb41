import { GROUP_SYMBOLS, base32Groups, groupCount, mistypedGroups as mistypedOf } from "#bytes/base32-text.ts";
import type { Random } from "#crypto/derive.ts";

const SECRET_BYTES = 32;
const GROUPS = groupCount(SECRET_BYTES);

const shape = new RegExp(`^([0-9a-z]{${GROUP_SYMBOLS}}-){${GROUPS - 1}}[0-9a-z]{${GROUP_SYMBOLS}}$`, "i");

/**
 * Makes a secret of 256 random bits, as text for a console that shows nothing: 13 groups of 5 symbols, joined by `-`. It is
 * too long to be guessed, so what it protects needs no costly derivation.
 */
export function newGeneratedSecret(random: Random): string {
  return writeGeneratedSecret(random(SECRET_BYTES));
}

/** The text of 32 bytes, most significant bits first. @see docs/keys.md, "Generated secrets" */
export function writeGeneratedSecret(bytes: Uint8Array): string {
  return base32Groups(bytes).join("-");
}

/**
 * Which groups of a generated secret are mistyped: each wrong symbol, each two symbols that changed places and each group
 * that did is found in the group where it is; of more mistakes than one in a group, all but 1 in 32.
 *
 * @param text  in either case; `i` and `l` are read as `1`, and `o` as `0`
 * @returns     numbers of groups, from 1; null where the text has not the form of a generated secret at all
 */
export function mistypedGroups(text: string): readonly number[] | null {
  return shape.test(text) ? mistypedOf(text.split("-"), SECRET_BYTES) : null;
}
