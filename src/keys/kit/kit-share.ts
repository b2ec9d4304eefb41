import { concat, equalBytes } from "#bytes/arrays.ts";
import { GROUP_SYMBOLS, base32Bytes, base32Groups, groupCount, mistypedGroups } from "#bytes/base32-text.ts";
import { Cursor } from "#bytes/cursor.ts";
import { Secret } from "#bytes/secret.ts";
import { fromHex, hex, utf8 } from "#bytes/text.ts";
import { sha256 } from "#crypto/derive.ts";
import { LockstepError } from "#errors/errors.ts";
import { KIT_SECRET_BYTES, SET_ID_BYTES } from "#keys/kit/kit-secret.ts";

/** One of the shares of a kit's secret. */
export type Share = {
  /** 8 hex digits: see `kitSetId`. */
  readonly setId: string;
  /** How many of the set give the secret; 1 to 255. */
  readonly threshold: number;
  /** Which of the set it is, from 1. */
  readonly index: number;
  /** 33 bytes: a point of the polynomial, with its place as the last byte; with a threshold of 1 the secret and a zero. */
  readonly part: Secret;
};

/** Bytes of a share's part. */
export const PART_BYTES = KIT_SECRET_BYTES + 1;

const VERSION = 1;
const CHECK_BYTES = 4;
const BODY_BYTES = 1 + SET_ID_BYTES + 2 + PART_BYTES;
const SHARE_BYTES = BODY_BYTES + CHECK_BYTES;

/** Groups of a share's text. */
const SHARE_GROUPS = groupCount(SHARE_BYTES);

/** A share as text that a person can type: 18 groups of 5 symbols. @see docs/format/kit.md, "A share" */
export function shareGroups({ setId, threshold, index, part }: Share): readonly string[] {
  const head = concat(
    new Uint8Array([VERSION]),
    fromHex(setId) ?? new Uint8Array(),
    new Uint8Array([threshold, index]),
  );
  using body = new Secret(concat(head, part.bytes));
  using whole = new Secret(concat(body.bytes, checkOf(body.bytes)));
  return base32Groups(whole.bytes);
}

/**
 * Reads a share as somebody typed it or a QR code gave it. Does not verify that it belongs to a kit: see `combineShares`.
 *
 * @param text  groups in either case, also of full-width letters, with spaces, line breaks or `-` between, or with nothing
 * @throws {LockstepError} KIT_INVALID: mistyped, and where; cut short; of a version that is not known
 */
export function parseShare(text: string): Share {
  const symbols = text.normalize("NFKC").replaceAll(/[\s-]/g, "");
  const expected = SHARE_GROUPS * GROUP_SYMBOLS;
  if (symbols.length !== expected) {
    throw invalid(
      `it has ${symbols.length} characters, and a share has ${expected}`,
      "Type all of its groups, without the small numbers before them.",
    );
  }
  const groups = symbols.match(/.{5}/gsu) ?? [];
  const mistyped = mistypedGroups(groups, SHARE_BYTES);
  if (mistyped.length > 0) {
    throw invalid(`it is mistyped in group ${mistyped.join(", ")}`, "Compare these groups with the page.");
  }
  using whole = new Secret(base32Bytes(groups, SHARE_BYTES));
  const body = whole.bytes.subarray(0, BODY_BYTES);
  if (!equalBytes(checkOf(body), whole.bytes.subarray(BODY_BYTES))) {
    throw invalid("it is mistyped: its check does not fit", "Compare each group with the page.");
  }
  const at = new Cursor(body, "share");
  const version = at.u8("version");
  if (version !== VERSION) throw invalid(`it is of version ${version}`, "A later version of Lockstep reads it.");
  const setId = hex(at.bytes(SET_ID_BYTES, "set"));
  const threshold = at.u8("threshold");
  const index = at.u8("index");
  if (threshold === 0 || index === 0) throw invalid("it has no threshold or no number", "It was not made by Lockstep.");
  return { setId, threshold, index, part: new Secret(at.bytes(PART_BYTES, "part").slice()) };
}

function checkOf(body: Uint8Array): Uint8Array {
  return sha256(utf8("lockstep v1 kit share"), body).subarray(0, CHECK_BYTES);
}

function invalid(why: string, hint: string): LockstepError {
  return new LockstepError("KIT_INVALID", `reading a share of the kit: ${why}`, { hint });
}
