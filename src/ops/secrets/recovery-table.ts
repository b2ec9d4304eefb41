import { fromHex } from "#bytes/text.ts";
import { parseCsv } from "#ops/secrets/csv-records.ts";
import { guidIn, passwordsIn } from "#ops/secrets/recovery-text.ts";
import type { FoundRecoveryPassword } from "#ops/secrets/recovery-text.ts";
import { guidText } from "#volume/source/guid-text.ts";

/** A recovery password of a table, and the computer that it is of; null where the table does not say. */
export type TabledRecoveryPassword = FoundRecoveryPassword & { readonly computer: string | null };

/**
 * Parses a table of BitLocker recovery passwords as Active Directory's tools export them: CSV whose first line names the columns, with
 * any delimiter that Windows' languages use. docs/binding.md has examples.
 *
 * Passwords are found by their form. What they are of is taken from columns that are called after it (`msFVE-RecoveryGuid`,
 * `KeyID`, `ComputerName`, …), and from distinguished names: `CN=TIME{GUID},CN=COMPUTER,…`.
 *
 * @param shown  the file's name, for messages; no message has anything of a password in it
 * @returns      null when its first line names no column of recovery passwords, or no other
 * @throws {LockstepError} KEY_LIST_INVALID: such a table, and broken
 */
export function parseRecoveryTable(text: string, shown: string): readonly TabledRecoveryPassword[] | null {
  const { head, skippedLines, body } = withoutType(text);
  const delimiter = delimiterOf(head);
  const heads = head.split(delimiter);
  // One column has no GUIDs beside it; and the file that Windows saves begins with a line that could be the name of one.
  if (heads.length < 2 || !heads.map(columnName).some(isPasswordColumn)) return null;
  const [names, ...records] = parseCsv(body, delimiter, shown);
  const columns = names?.fields.map(columnName) ?? [];
  return records.flatMap(({ line, fields }): TabledRecoveryPassword[] => {
    const passwords = fields.flatMap(passwordsIn);
    const cells = fields.map((value, at) => ({ column: columns[at] ?? "", value }));
    // Which of several passwords an id is of, nothing says.
    const keyId = passwords.length === 1 ? keyIdOf(cells) : null;
    return passwords.map((password) => ({
      line: line + skippedLines,
      password,
      keyId,
      computer: computerOf(cells),
    }));
  });
}

type Cell = { readonly column: string; readonly value: string };

/** PowerShell's Export-Csv may put the objects' type before the table. */
function withoutType(text: string): { head: string; skippedLines: number; body: string } {
  const type = /^#TYPE [^\n]*\n/.exec(text)?.[0] ?? "";
  const body = text.slice(type.length);
  return { head: /^[^\r\n]*/.exec(body)?.[0] ?? "", skippedLines: type === "" ? 0 : 1, body };
}

function delimiterOf(head: string): string {
  const counted = [",", ";", "\t"].map((delimiter) => ({ delimiter, count: head.split(delimiter).length }));
  return counted.toSorted((a, b) => b.count - a.count)[0]?.delimiter ?? ",";
}

/** `"msFVE-RecoveryGuid"` and `Recovery GUID` are compared as `msfverecoveryguid` and `recoveryguid`. */
function columnName(text: string): string {
  return text.toLowerCase().replaceAll(/[^a-z]/g, "");
}

function isPasswordColumn(name: string): boolean {
  return /recovery(password|key)s?$|^(bitlocker|numerical)passwords?$/.test(name);
}

function keyIdOf(cells: readonly Cell[]): string | null {
  const named = cells.find(({ column }) => /(recoveryguid|passwordid|recoverykeyid|keyid|protectorid)$/.test(column));
  const inBraces = cells.map(({ value }) => /\{([0-9a-f-]{36})\}/i.exec(value)?.[1] ?? "");
  return [idOf(named?.value ?? ""), ...inBraces.map(guidIn)].find((id) => id !== null) ?? null;
}

/** A GUID as text, as bytes (`X'…'`, as csvde writes them), or its first eight digits. */
function idOf(value: string): string | null {
  const bytes = fromHex(/^X'([0-9a-f]{32})'$/i.exec(value)?.[1] ?? "");
  if (bytes?.length === 16) return guidText(bytes);
  return guidIn(value) ?? (/^\{?[0-9a-f]{8}\}?$/i.test(value) ? value.replaceAll(/[{}]/g, "").toLowerCase() : null);
}

function computerOf(cells: readonly Cell[]): string | null {
  const isComputer = ({ column }: Cell): boolean =>
    /^((computer|machine|device|server)(name)?|(dns)?hostname)$/.test(column);
  const named = cells.find((cell) => isComputer(cell) && cell.value !== "")?.value;
  if (named !== undefined) return shortName(/^CN=((?:\\.|[^,\\])+)/i.exec(named)?.[1] ?? named);
  const parents = cells.map(
    ({ value }) => /^CN=(?:\\.|[^,\\])*\{[0-9a-f-]{36}\},CN=((?:\\.|[^,\\])+)/i.exec(value)?.[1],
  );
  const parent = parents.find((each) => each !== undefined);
  return parent === undefined ? null : shortName(parent);
}

/** A computer without its domain, and without the `$` of its account. */
function shortName(name: string): string | null {
  return /^[^.$\\]+/.exec(name.trim())?.[0] ?? null;
}
