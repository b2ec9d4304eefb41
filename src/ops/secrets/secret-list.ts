import { Secret } from "#bytes/secret.ts";
import { fromUtf8, utf8 } from "#bytes/text.ts";
import { listDelimiter, parseKeyList } from "#ops/secrets/key-list.ts";
import type { ListedSecret, ReadKeyFile } from "#ops/secrets/key-list.ts";
import { parseRecoveryTable } from "#ops/secrets/recovery-table.ts";
import { findRecoveryPasswords } from "#ops/secrets/recovery-text.ts";

/** A secret of a file that is imported, and what the file says of it. */
export type ImportableSecret = ListedSecret & {
  /** The file, as people named it. */
  readonly from: string;
  /** The GUID of the only protector that it can open, or its first eight digits; null where nothing says for sure. */
  readonly keyId: string | null;
  /** Null where nothing says. */
  readonly computer: string | null;
};

/**
 * Parses a file with secrets: a list as docs/volumes.md describes it, a table of BitLocker recovery passwords from Active Directory, or a
 * text that has recovery passwords in it, such as those that Windows saves and `manage-bde` prints. docs/binding.md has examples.
 *
 * @param bytes  UTF-8, UTF-16 with a mark of its byte order or in the order of Windows, or for tables and texts whatever code page
 * @param shown  the file's name, for messages; no message has anything of a secret in it
 * @throws {LockstepError} KEY_LIST_INVALID, naming the line; and what `readFile` throws
 */
export async function parseSecretList(
  bytes: Uint8Array,
  shown: string,
  readFile: ReadKeyFile,
): Promise<readonly ImportableSecret[]> {
  const wide = wideText(bytes);
  const text = wide ?? narrowText(bytes);
  if (!isOwnList(text)) {
    const exported =
      parseRecoveryTable(text, shown) ?? findRecoveryPasswords(text).map((found) => ({ ...found, computer: null }));
    if (exported.length > 0) {
      return exported.map(({ line, password, keyId, computer }) => ({
        line,
        name: keyId ?? computer ?? "",
        secret: { kind: "recovery-password", secret: new Secret(utf8(password)) },
        note: "",
        from: shown,
        keyId,
        computer,
      }));
    }
  }
  const listed = await parseKeyList(wide === null ? bytes : utf8(wide), shown, readFile);
  return listed.map((secret) => ({ ...secret, from: shown, keyId: null, computer: null }));
}

/** Whether the first line names the column that a list of Lockstep's own format must have. */
function isOwnList(text: string): boolean {
  const head = /^[^\r\n]*/.exec(text)?.[0] ?? "";
  return head.split(listDelimiter(head)).some((name) => name.replaceAll('"', "").trim().toLowerCase() === "secret");
}

/** Text in UTF-16; null where neither a mark of the byte order nor its zeros say that it is. */
function wideText(bytes: Uint8Array): string | null {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return new TextDecoder("utf-16le").decode(bytes);
  if (first === 0xfe && second === 0xff) return new TextDecoder("utf-16be").decode(bytes);
  if (first !== 0 && second === 0) return new TextDecoder("utf-16le").decode(bytes); // no text in bytes has a zero
  return null;
}

/** In an unknown code page digits and Latin letters are still right, and nothing else is looked for. */
function narrowText(bytes: Uint8Array): string {
  try {
    return fromUtf8(bytes).replace(/^\uFEFF/, "");
  } catch {
    return new TextDecoder("windows-1252").decode(bytes);
  }
}
