import * as z from "zod";

import { concat } from "#bytes/arrays.ts";
import { base64, fromBase64, fromUtf8, hex, utf8 } from "#bytes/text.ts";
import { isSignedBy } from "#crypto/ed25519.ts";
import { LockstepError } from "#errors/errors.ts";
import { signedBytes } from "#keys/store/key-ring.ts";

const id = z.string().regex(/^[0-9a-f]{32}$/);
const count = z.int().min(0);
const digest = z.string().regex(/^[0-9a-f]{64}$/);

/** A copy's first line. docs/format/keystore-copy.md, "Header". */
const copyHeader = z.object({
  format: z.literal("lockstep key-store copy"),
  version: z.literal(1),
  store: id,
  createdAt: z.iso.datetime(),
  epoch: z.int().min(1),
  claim: id,
  number: z.int().min(1),
  kind: z.enum(["full", "increment"]),
  /** SHA-256 of the copy (as it is stored) that an increment goes on from; null for a full one. */
  previous: digest.nullable(),
  /** That copy's number. */
  previousNumber: z.int().min(1).nullable(),
  at: z.iso.datetime(),
  /** The database's schema. */
  schema: z.int().min(1),
  /** The change and the audit entry up to which it goes. */
  upto: count,
  auditUpto: count,
  rows: count,
  /** Ed25519, base64. */
  signingKey: z.base64(),
});
export type CopyHeader = z.infer<typeof copyHeader>;

/** A value of a column. */
export type CopyValue = string | number | null | Uint8Array;

/** A row that a copy puts in the place of what was there, or takes away. Values are not wrapped. */
export type CopyRow =
  | { readonly table: string; readonly row: Readonly<Record<string, CopyValue>> }
  | { readonly table: string; readonly gone: readonly (string | number)[] };

/** A copy that was read: its rows count once its signature was verified. */
export type ParsedCopy = {
  readonly header: CopyHeader;
  readonly rows: readonly CopyRow[];
  /** What the signature is over, and the signature. */
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
};

const blob = z.strictObject({ base64: z.base64() });
const value = z.union([z.string(), z.number(), z.null(), blob]);
const rowLine = z.union([
  z.strictObject({ table: z.string(), row: z.record(z.string(), value) }),
  z.strictObject({ table: z.string(), gone: z.array(z.union([z.string(), z.number()])) }),
]);
const signatureLine = z.strictObject({ signature: z.base64() });

/** The line of a row. */
export function rowLineOf(row: CopyRow): Uint8Array {
  return line(jsonOf(row));
}

/**
 * The bytes of a copy before they are encrypted.
 *
 * @param lines  of its rows; wiped
 * @param sign   makes the Ed25519 signature for the purpose "copy"
 */
export function writeCopy(
  header: Omit<CopyHeader, "format" | "version" | "rows">,
  lines: readonly Uint8Array[],
  sign: (bytes: Uint8Array) => Uint8Array,
): Uint8Array {
  const head: CopyHeader = { format: "lockstep key-store copy", version: 1, ...header, rows: lines.length };
  const signed = concat(line(head), ...lines);
  const whole = concat(signed, line({ signature: base64(sign(signed)) }));
  for (const each of [signed, ...lines]) each.fill(0);
  return whole;
}

/**
 * Reads a decrypted copy. Does not verify its signature: see `isCopySignedBy`.
 *
 * @param where  for messages
 * @throws {LockstepError} COPY_REJECTED: it is none, or cut; KEY_STORE_NEWER: of a later format
 */
export function parseCopy(where: string, bytes: Uint8Array): ParsedCopy {
  const end = bytes.lastIndexOf(0x0a, bytes.length - 2) + 1;
  if (end === 0 || bytes.at(-1) !== 0x0a) throw rejected(where, "it has no line with a signature: it was cut");
  const [first, ...rest] = linesOf(where, bytes.subarray(0, end));
  refuseNewer(where, first);
  const header = checked(where, "header", copyHeader, first);
  if (rest.length !== header.rows)
    throw rejected(where, `it has ${rest.length} rows, and says that it has ${header.rows}`);
  const [last] = linesOf(where, bytes.subarray(end));
  const { signature } = checked(where, "signature", signatureLine, last);
  return {
    header,
    rows: rest.map((row) => rowOf(checked(where, "row", rowLine, row))),
    signed: bytes.subarray(0, end),
    signature: bytesOf(signature),
  };
}

/** Whether a copy is signed by a key, and names it. */
export function isCopySignedBy({ header, signed, signature }: ParsedCopy, key: Uint8Array): boolean {
  return header.signingKey === base64(key) && isSignedBy(key, signedBytes("copy", signed), signature);
}

/** The signing key that a copy names, 32 bytes: of a forged one it is the forger's. */
export function signingKeyOf({ signingKey }: Pick<CopyHeader, "signingKey">): Uint8Array {
  return bytesOf(signingKey);
}

function line(document: unknown): Uint8Array {
  return utf8(`${JSON.stringify(document)}\n`);
}

function jsonOf(row: CopyRow): unknown {
  if ("gone" in row) return row;
  const values = Object.entries(row.row).map(([column, each]) => [
    column,
    each instanceof Uint8Array ? { base64: base64(each) } : each,
  ]);
  return { table: row.table, row: Object.fromEntries(values) };
}

function rowOf(row: z.infer<typeof rowLine>): CopyRow {
  if ("gone" in row) return row;
  const values = Object.entries(row.row).map(([column, each]): [string, CopyValue] => [
    column,
    typeof each === "object" && each !== null ? bytesOf(each.base64) : each,
  ]);
  return { table: row.table, row: Object.fromEntries(values) };
}

function linesOf(where: string, bytes: Uint8Array): unknown[] {
  const documents: unknown[] = [];
  try {
    for (let at = 0; at < bytes.length;) {
      const end = bytes.indexOf(0x0a, at);
      documents.push(JSON.parse(fromUtf8(bytes.subarray(at, end))));
      at = end + 1;
    }
  } catch {
    throw rejected(where, `line ${documents.length + 1} is no JSON`); // the cause would quote what is in it
  }
  return documents;
}

const anyFormat = z.object({ format: z.literal("lockstep key-store copy"), version: z.int() });

function refuseNewer(where: string, header: unknown): void {
  const { success, data } = anyFormat.safeParse(header);
  if (!success || data.version === 1) return;
  throw new LockstepError("KEY_STORE_NEWER", `reading ${where}: it is of format ${data.version}`, {
    hint: "A later version of Lockstep wrote it: use that one.",
  });
}

function checked<Shape extends z.ZodType>(
  where: string,
  what: string,
  shape: Shape,
  document: unknown,
): z.infer<Shape> {
  const { success, data, error } = shape.safeParse(document);
  if (success) return data;
  const problems = error.issues.map(({ path }) => path.join(".")).join(", ");
  throw rejected(where, `its ${what} is wrong${problems === "" ? "" : ` (${problems})`}`);
}

function bytesOf(text: string): Uint8Array {
  return fromBase64(text) ?? new Uint8Array();
}

function rejected(where: string, why: string): LockstepError {
  return new LockstepError("COPY_REJECTED", `reading ${where}: ${why}`);
}

/** Where a copy lies in a place. docs/format/keystore-copy.md, "Names". */
export const copyKeys = {
  prefix: "keystore/",
  copiesPrefix: (epoch: number): string => `keystore/${digits(epoch)}-`,
  copy: (epoch: number, number: number): string => `keystore/${digits(epoch)}-${digits(number)}`,
  claimPrefix: "keystore/epoch-",
  claim: (epoch: number): string => `keystore/epoch-${digits(epoch)}`,
} as const;

/** The kind of an object of a place, by its key; null for one that is no part of the format. */
export function parseCopyKey(key: string): { readonly epoch: number; readonly number: number | null } | null {
  const [, claim, epoch, number] = /^keystore\/(?:epoch-([0-9a-f]{8})|([0-9a-f]{8})-([0-9a-f]{8}))$/.exec(key) ?? [];
  if (claim !== undefined) return { epoch: Number.parseInt(claim, 16), number: null };
  if (epoch === undefined || number === undefined) return null;
  return { epoch: Number.parseInt(epoch, 16), number: Number.parseInt(number, 16) };
}

/** What a copy is called in messages. */
export function copyName(epoch: number, number: number): string {
  return `copy ${number} of epoch ${epoch}`;
}

function digits(number: number): string {
  return hex(Uint8Array.of(number >>> 24, number >>> 16, number >>> 8, number));
}
