import { receiptText } from "#api/needs.ts";
import { statementBody } from "#api/proofs.ts";
import type { StatementBody } from "#api/proofs.ts";
import { fromBase64, utf8 } from "#bytes/text.ts";
import { isSignedBy } from "#crypto/ed25519.ts";
import type { KnownKeyStore, Receipt } from "#vault/entry/entry.ts";

/** What a statement has to be about. */
export type StatedVolume = {
  readonly vault: string;
  readonly machine: string;
  readonly point: string;
  /** The disk's name. */
  readonly disk: string;
  readonly volume: string;
  /** Digest of the header that the point has. */
  readonly headerDigest: string;
};

/**
 * Reads a statement of the key side, and verifies that it is one: signed by the key store that the log knows, and about this very
 * volume and header. That the bytes which were presented are the vault's it cannot verify.
 *
 * @returns  why it is none, in words, where it is not
 * @see docs/format/statements.md
 */
export function readStatement(
  { signed, signature }: { readonly signed: string; readonly signature: string },
  known: KnownKeyStore | null,
  about: StatedVolume,
): StatementBody | string {
  if (known === null) return "the log does not know what the key store signs with";
  if (!isSigned(known.signingKey, "proof", signed, signature)) {
    return "the statement is not signed by the key store that the log knows";
  }
  const body = parse(signed);
  if (body === null) return "the key side's statement is not understood";
  if (body.store !== known.store) return "the statement is another key store's";
  const isAbout = (["vault", "machine", "point", "disk", "volume"] as const).every(
    (name) => body[name] === about[name],
  );
  if (!isAbout) return "the statement is about another volume";
  // Of a header that cannot be read there is no digest, and nothing was opened by it.
  const isOfHeader = body.headerDigest === about.headerDigest || (body.headerDigest === null && isWithoutHeader(body));
  return isOfHeader ? body : "the statement is about another header than the point has";
}

/**
 * Reads a statement of a key store on whatever volume. That it is about the point whose log has it is for `readStatement` to verify.
 *
 * @returns  null where it is not that key store's word, or of a later format
 */
export function statementOf(
  { store, signingKey }: Pick<KnownKeyStore, "store" | "signingKey">,
  { signed, signature }: { readonly signed: string; readonly signature: string },
): StatementBody | null {
  const body = isSigned(signingKey, "proof", signed, signature) ? parse(signed) : null;
  return body?.store === store ? body : null;
}

/** Whether a receipt is the word of a key store. @see docs/format/receipts.md */
export function isReceiptOf({ store, signingKey }: KnownKeyStore, receipt: Receipt): boolean {
  return receipt.store === store && isSigned(signingKey, "receipt", receiptText(receipt), receipt.signature);
}

function isSigned(signingKey: string, purpose: "proof" | "receipt", text: string, signature: string): boolean {
  const [key, bytes] = [fromBase64(signingKey), fromBase64(signature)];
  return key !== null && bytes !== null && isSignedBy(key, utf8(`lockstep v1 ${purpose}\n${text}`), bytes);
}

function parse(signed: string): StatementBody | null {
  try {
    return statementBody.parse(JSON.parse(signed));
  } catch {
    return null; // of a later format
  }
}

function isWithoutHeader({ verdict }: StatementBody): boolean {
  return verdict === "header damaged" || verdict === "unsupported";
}
