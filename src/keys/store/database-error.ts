import { LockstepError, messageOf } from "#errors/errors.ts";
import type { ErrorCode } from "#errors/errors.ts";

/** What SQLite's primary result codes mean for a key store; any other is a bug. @see https://www.sqlite.org/rescode.html */
const meanings: ReadonlyMap<number, ErrorCode> = new Map([
  [3, "STORE_DENIED"], // SQLITE_PERM
  [5, "KEY_STORE_BUSY"], // SQLITE_BUSY
  [6, "KEY_STORE_BUSY"], // SQLITE_LOCKED
  [8, "STORE_DENIED"], // SQLITE_READONLY
  [10, "STORE_UNAVAILABLE"], // SQLITE_IOERR
  [11, "KEY_STORE_CORRUPT"], // SQLITE_CORRUPT
  [13, "STORE_FULL"], // SQLITE_FULL
  [14, "STORE_DENIED"], // SQLITE_CANTOPEN
  [26, "KEY_STORE_CORRUPT"], // SQLITE_NOTADB
]);

const hints: Readonly<Partial<Record<ErrorCode, string>>> = {
  KEY_STORE_BUSY: "One process serves a key store, and the others ask it through its socket.",
  KEY_STORE_CORRUPT: "Keep the file as it is, and bring the key store back from a copy: `lockstep recover`.",
  STORE_DENIED: "Look at the owner and mode of its folder and files.",
  STORE_FULL: "Make room on the disk that the key store is on.",
};

/**
 * What somebody can do about what SQLite throws.
 *
 * @param doing  such as `opening the key store PATH`
 * @returns      `error` itself where it is not SQLite's, or means a bug
 */
export function databaseError(doing: string, error: unknown): unknown {
  if (!(error instanceof Error) || !("errcode" in error)) return error;
  const code = meanings.get(Number(error.errcode) & 0xff); // the rest of an extended code says more than is needed
  if (code === undefined) return error;
  const why = code === "KEY_STORE_BUSY" ? "another process has it open" : messageOf(error);
  return new LockstepError(code, `${doing}: ${why}`, { hint: hints[code], cause: error });
}
