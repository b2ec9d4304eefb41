import { Secret } from "#bytes/secret.ts";
import { sha256 } from "#crypto/derive.ts";
import { LockstepError } from "#errors/errors.ts";

const GROUPS = 8;
const DIGITS = 6;
/** A group is 11 times a number of 16 bits. */
const GREATEST_GROUP = 11 * 0xffff;

/** Hyphens and dashes that word processors make of a hyphen (U+2010 to U+2015, U+2212), in UTF-8, and a no-break space. */
const separators = [
  [0x2d],
  ...[0x90, 0x91, 0x92, 0x93, 0x94, 0x95].map((last) => [0xe2, 0x80, last]),
  [0xe2, 0x88, 0x92],
  [0xc2, 0xa0],
  ...[0x20, 0x09, 0x0a, 0x0d].map((space) => [space]),
];

/**
 * The 16 bytes that a recovery password stands for, after its check digits were verified. Costs nothing.
 *
 * @param text  UTF-8: eight groups of six digits with hyphens, dashes or spaces between them, or 48 digits
 * @throws {LockstepError} SECRET_INVALID: it names the group that is wrong, and none of its digits
 * @see libbde, "BDE format", section "Recovery key": a group is divisible by 11, so its last digit checks the others
 */
export function parseRecoveryPassword(text: Secret): Secret {
  const groups = groupsOf(text.bytes);
  const key = new Secret(new Uint8Array(2 * GROUPS));
  const into = new DataView(key.bytes.buffer);
  try {
    for (const [index, group] of groups.entries()) {
      using digits = new Secret(group);
      into.setUint16(2 * index, shortOf(digits.bytes, index + 1), true);
    }
    return key;
  } catch (error) {
    key.wipe();
    throw error;
  }
}

/** What a recovery password's bytes are hashed to before they are stretched. */
export function recoveryPasswordHash(text: Secret): Secret {
  using key = parseRecoveryPassword(text);
  return new Secret(sha256(key.bytes));
}

/** Splits into groups of digits, as values; copies. */
function groupsOf(bytes: Uint8Array): readonly Uint8Array[] {
  const groups: number[][] = [];
  let isInside = false;
  for (let at = 0; at < bytes.length;) {
    const byte = bytes[at] ?? 0;
    if (byte >= 0x30 && byte <= 0x39) {
      if (!isInside) groups.push([]);
      isInside = true;
      groups.at(-1)?.push(byte - 0x30);
      at += 1;
      continue;
    }
    const separator = separators.find((wanted) => wanted.every((unit, i) => bytes[at + i] === unit));
    if (separator === undefined) {
      throw invalid(`character ${at + 1} is neither a digit nor a hyphen`);
    }
    isInside = false;
    at += separator.length;
  }
  const [first] = groups;
  if (groups.length === 1 && first?.length === GROUPS * DIGITS) {
    return Array.from({ length: GROUPS }, (_, group) =>
      Uint8Array.from(first.slice(DIGITS * group, DIGITS * (group + 1))),
    );
  }
  if (groups.length !== GROUPS) throw invalid(`it has ${groups.length} groups of digits instead of ${GROUPS}`);
  return groups.map((group) => Uint8Array.from(group));
}

function shortOf(digits: Uint8Array, number: number): number {
  if (digits.length !== DIGITS) throw invalid(`group ${number} has ${digits.length} digits instead of ${DIGITS}`);
  const value = digits.reduce((sum, digit) => 10 * sum + digit, 0);
  if (value % 11 !== 0) throw invalid(`group ${number} is mistyped: its last digit does not fit the others`);
  if (value > GREATEST_GROUP) throw invalid(`group ${number} is mistyped: it is too large`);
  return value / 11;
}

function invalid(found: string): LockstepError {
  return new LockstepError("SECRET_INVALID", `BitLocker recovery password: ${found}`, {
    hint: "It has eight groups of six digits, as Windows showed or printed it.",
  });
}
