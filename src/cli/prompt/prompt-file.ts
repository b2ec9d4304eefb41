import { isUtf8 } from "node:buffer";
import { open } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";

import { concat } from "#bytes/arrays.ts";
import { Secret } from "#bytes/secret.ts";
import { readFailure } from "#cli/files/read-failure.ts";
import type { Warning } from "#cli/output/output.ts";
import { LockstepError } from "#errors/errors.ts";

/** Far more than anybody types, so that a wrong file is noticed before it is read into memory. */
const limitBytes = 64 * 1024;

const newline = 0x0a;
const carriageReturn = 0x0d;
const othersMayRead = 0o004;

/**
 * Reads a passphrase from a file: UTF-8 text, of which one line break at the end is taken off. Pipes work too, such as
 * a shell's `<(command)`.
 *
 * @param warn  told when everybody on this machine may read the file
 * @param what  what it is, for messages
 * @throws {LockstepError} FILE_MISSING; FILE_DENIED; PASSPHRASE_FILE_INVALID: empty, too long, or not UTF-8; CANCELLED
 */
export async function readPassphraseFile(
  path: string,
  warn: (warning: Warning) => void,
  signal: AbortSignal,
  what = "the passphrase file",
): Promise<Secret> {
  const named = `${what} ${path}`;
  const whole = await readLimited(path, named, warn, signal);
  const text = whole.subarray(0, whole.length - lineBreakLength(whole));
  if (text.length > 0 && isUtf8(text)) return new Secret(text);
  whole.fill(0);
  throw invalid(named, text.length === 0 ? "it is empty" : "it is not UTF-8 text");
}

async function readLimited(
  path: string,
  named: string,
  warn: (warning: Warning) => void,
  signal: AbortSignal,
): Promise<Uint8Array> {
  try {
    await using file = await open(path, "r");
    return await readAll(file, { path, named }, warn, signal);
  } catch (error) {
    throw readFailure(`reading ${named}`, "PASSPHRASE_FILE_INVALID", error);
  }
}

async function readAll(
  file: FileHandle,
  { path, named }: { readonly path: string; readonly named: string },
  warn: (warning: Warning) => void,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const stat = await file.stat();
  if (stat.isDirectory()) throw invalid(named, "it is a folder", "Name a file.");
  if (stat.isFile() && (stat.mode & othersMayRead) !== 0) {
    warn({
      code: "PASSPHRASE_FILE_EXPOSED",
      message: `every user of this machine may read ${named}`,
      hint: `Take the permission away: chmod 600 ${path}`,
    });
  }
  const pieces: Uint8Array[] = [];
  for (let length = 0; ;) {
    if (signal.aborted) throw new LockstepError("CANCELLED", `reading ${named} was stopped`);
    const piece = new Uint8Array(4096);
    const { bytesRead } = await file.read(piece, 0, piece.length, null);
    pieces.push(piece.subarray(0, bytesRead));
    length += bytesRead;
    const done = bytesRead === 0;
    if (!done && length <= limitBytes) continue;
    const whole = concat(...pieces);
    for (const each of pieces) each.fill(0);
    if (done) return whole;
    whole.fill(0);
    throw invalid(named, `it is longer than ${limitBytes} bytes`);
  }
}

function lineBreakLength(text: Uint8Array): number {
  if (text.at(-1) !== newline) return 0;
  return text.at(-2) === carriageReturn ? 2 : 1;
}

function invalid(named: string, why: string, hint?: string): LockstepError {
  return new LockstepError("PASSPHRASE_FILE_INVALID", `reading ${named} failed: ${why}`, { hint });
}
