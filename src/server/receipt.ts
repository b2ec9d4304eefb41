import { receiptText } from "#api/needs.ts";
import type { Receipt } from "#api/needs.ts";
import { base64, fromBase64, fromHex, utf8 } from "#bytes/text.ts";
import { isSignedBy } from "#crypto/ed25519.ts";
import { keyStoreStand } from "#keys/audit/receipts.ts";
import type { KeyStore } from "#keys/key-store.ts";
import type { KeptReceipt } from "#keys/recovery/put-back.ts";
import { signedBytes } from "#keys/store/key-ring.ts";
import { isPutBack } from "#policy/frozen.ts";
import { instantText } from "#server/instants.ts";

/**
 * A signed receipt of where the key store stands now. Null while it is sealed, and while it is known to have been put back: those that
 * vaults keep are what shows that.
 */
export function receiptOf(store: KeyStore): Receipt | null {
  if (store.isSealed || isPutBack(store.facts().frozen)) return null;
  const { atMs, ...stand } = keyStoreStand(store);
  const receipt = { ...stand, at: instantText(atMs) };
  return { ...receipt, signature: base64(store.ring.sign("receipt", utf8(receiptText(receipt)))) };
}

/** What a receipt says; null for one of another store, or that this store did not sign. */
export function verifiedReceipt(store: KeyStore, { signature, ...body }: Receipt): KeptReceipt | null {
  const { id, signingPublic } = store.facts();
  const [bytes, auditHash] = [fromBase64(signature), fromHex(body.auditHash)];
  if (body.store !== id || bytes === null || auditHash === null) return null;
  if (!isSignedBy(signingPublic, signedBytes("receipt", utf8(receiptText(body))), bytes)) return null;
  return { epoch: body.epoch, at: body.at, auditSeq: body.auditSeq, auditHash };
}
