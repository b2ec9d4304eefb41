import { receiptText } from "#api/needs.ts";
import type { Receipt } from "#api/needs.ts";
import { base64, utf8 } from "#bytes/text.ts";
import type { KeyStore } from "#keys/key-store.ts";
import { keyStoreStand } from "#keys/receipts.ts";
import { instantText } from "#server/instants.ts";

/** A signed receipt of where the key store stands now; null while it is sealed. */
export function receiptOf(store: KeyStore): Receipt | null {
  if (store.isSealed) return null;
  const { atMs, ...stand } = keyStoreStand(store);
  const receipt = { ...stand, at: instantText(atMs) };
  return { ...receipt, signature: base64(store.ring.sign("receipt", utf8(receiptText(receipt)))) };
}
