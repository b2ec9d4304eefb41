import { parse } from "csv-parse/sync";

import { LockstepError, messageOf } from "#errors/errors.ts";

/** A record of a CSV file. */
export type CsvRecord = {
  /** On which it begins, from 1. */
  readonly line: number;
  readonly fields: readonly string[];
};

type Parsed = { readonly record: string[]; readonly info: { readonly lines: number } };

/**
 * Parses CSV (RFC 4180). Records may have different numbers of fields; empty lines are left out.
 *
 * @param delimiter  `,`, or what a program of another language's Windows puts there
 * @param shown      the file's name, for messages; no message has anything of the text in it
 * @throws {LockstepError} KEY_LIST_INVALID, naming the line
 */
export function parseCsv(text: string, delimiter: string, shown: string): readonly CsvRecord[] {
  try {
    const options = { info: true, relax_column_count: true, skip_empty_lines: true, bom: false, delimiter } as const;
    const parsed = parse(text, options) as unknown as Parsed[];
    return parsed.map(({ record, info }) => {
      const extra = record.reduce((sum, field) => sum + (field.match(/\n/g)?.length ?? 0), 0);
      return { line: info.lines - extra, fields: record };
    });
  } catch (error) {
    const line = /line (\d+)/.exec(messageOf(error))?.[1] ?? "1";
    throw listInvalid(shown, Number(line), "it is no CSV: a quote is open, or stands in the middle of a value");
  }
}

/** A list of secrets that is none. @param what  names no secret */
export function listInvalid(shown: string, line: number, what: string): LockstepError {
  return new LockstepError("KEY_LIST_INVALID", `reading the list of secrets ${shown}, line ${line}: ${what}`, {
    hint: 'docs/volumes.md, "Lists of secrets", describes the columns; docs/binding.md what else can be imported.',
  });
}
