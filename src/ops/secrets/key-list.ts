import { Secret } from "#bytes/secret.ts";
import { fromUtf8, utf8 } from "#bytes/text.ts";
import { listInvalid, parseCsv } from "#ops/secrets/csv-records.ts";
import type { VolumeSecret } from "#volume/header/volume-secret.ts";

/** A secret as lists have them. */
export type ListedValue = Exclude<VolumeSecret, { readonly kind: "volume-key" | "none" }>;

/** One secret of a list. */
export type ListedSecret = {
  /** Number of the line on which its record begins, from 1. */
  readonly line: number;
  /** What it is for, as the list says: a machine, a file, a UUID, a key ID; empty where it says nothing. */
  readonly name: string;
  readonly secret: ListedValue;
  readonly note: string;
};

/** Reads a file that a list names, relative to the list. */
export type ReadKeyFile = (path: string) => Promise<Uint8Array>;

const kinds = ["passphrase", "recovery-password", "key-file", "startup-key"] as const;
type ListedKind = (typeof kinds)[number];

const columns = ["name", "kind", "secret", "note"] as const;
type Row = Readonly<Record<(typeof columns)[number], string>>;

/** What is between the columns of a list, by its first line: spreadsheets write what their language has there. */
export function listDelimiter(text: string): string {
  return /^[^\r\n]*?([,;\t])/.exec(text)?.[1] ?? ",";
}

/** A list longer than this is none that people keep by hand. */
const LIMIT_BYTES = 16 * 1024 * 1024;

/**
 * Parses a list of secrets: CSV in UTF-8 (RFC 4180), also with semicolons or tabs, whose first line names the columns. docs/volumes.md, "Lists of secrets"
 *
 * Where the kind is left out it is guessed: eight groups of six digits, or 48 digits in a row that fit its check, are a
 * recovery password, a name that ends in `.bek` is a startup key, anything else a passphrase.
 *
 * @param shown  the list's name, for messages; no message has anything of a secret in it
 * @throws {LockstepError} KEY_LIST_INVALID, naming the line; and what `readFile` throws
 */
export async function parseKeyList(
  bytes: Uint8Array,
  shown: string,
  readFile: ReadKeyFile,
): Promise<readonly ListedSecret[]> {
  const secrets: ListedSecret[] = [];
  for (const { line, row } of readRows(bytes, shown)) {
    const { name, kind: written, secret: text, note } = row;
    if (text === "") throw listInvalid(shown, line, "the secret is empty");
    const kind = written === "" ? guessKind(text) : kinds.find((each) => each === written.toLowerCase());
    if (kind === undefined) throw listInvalid(shown, line, `the kind is none of ${kinds.join(", ")}`);
    secrets.push({ line, name, secret: await secretOf(kind, text, readFile), note });
  }
  return secrets;
}

function guessKind(text: string): ListedKind {
  if (/^\s*\d{6}(?:[-\s\u2010-\u2015\u2212]+\d{6}){7}\s*$/u.test(text) || isUnbroken(text)) return "recovery-password";
  return /\.bek$/i.test(text) ? "startup-key" : "passphrase";
}

/** Whether a text is a recovery password without hyphens: 48 digits in a row that happen to fit the check are no passphrase. */
function isUnbroken(text: string): boolean {
  return /^\s*\d{48}\s*$/.test(text) && (text.match(/\d{6}/g) ?? []).every((group) => Number(group) % 11 === 0);
}

async function secretOf(kind: ListedKind, text: string, readFile: ReadKeyFile): Promise<ListedValue> {
  if (kind === "key-file" || kind === "startup-key") return { kind, secret: new Secret(await readFile(text)) };
  return { kind, secret: new Secret(utf8(text)) };
}

function readRows(bytes: Uint8Array, shown: string): { line: number; row: Row }[] {
  if (bytes.length > LIMIT_BYTES) throw listInvalid(shown, 1, `${bytes.length} bytes are too many for a list`);
  const text = textOf(bytes, shown);
  const records = parseCsv(text, listDelimiter(text), shown);
  const [head, ...rest] = records;
  if (head === undefined) throw listInvalid(shown, 1, "it is empty");
  const names = head.fields.map((field) => field.trim().toLowerCase());
  const known: readonly string[] = columns;
  const odd = names.find((name) => !known.includes(name));
  if (odd !== undefined || !names.includes("secret")) {
    throw listInvalid(shown, head.line, "its first line does not name the columns name, kind, secret and note");
  }
  return rest.map(({ line, fields }) => {
    if (fields.length > names.length)
      throw listInvalid(shown, line, `${fields.length} columns, and ${names.length} have names`);
    const value = (name: string): string => fields[names.indexOf(name)] ?? "";
    return {
      line,
      row: { name: value("name"), kind: value("kind").trim(), secret: value("secret"), note: value("note") },
    };
  });
}

function textOf(bytes: Uint8Array, shown: string): string {
  try {
    return fromUtf8(bytes).replace(/^\uFEFF/, "");
  } catch {
    throw listInvalid(shown, 1, "it is not UTF-8");
  }
}
