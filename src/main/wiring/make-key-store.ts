import { fromHex } from "#bytes/text.ts";
import type { App, FirstVault, MadeKeyStore, NewKeyStore } from "#cli/app/app.ts";
import { act } from "#keys/access/act.ts";
import { ensureCopied } from "#keys/copies/copies.ts";
import { copyKeys } from "#keys/copies/copy-format.ts";
import { readClaims } from "#keys/copies/epoch-claim.ts";
import { addPlace } from "#keys/copies/places.ts";
import { KeyStore } from "#keys/key-store.ts";
import { adoptKit } from "#keys/kit/kits.ts";
import { itself } from "#keys/store/model.ts";
import { enrolVault } from "#keys/vaults/vaults.ts";
import { buildKeyStore } from "#main/wiring/build-key-store.ts";
import { openStoreAt } from "#main/wiring/open-store.ts";
import type { Store } from "#store/contract.ts";

/** How long it may take to take back what was put into a place, when the making was stopped. */
const WITHDRAWING_MS = 10_000;

/** Makes the key store that is configured: see `App.makeKeyStore`. */
export async function makeConfiguredKeyStore(app: App, what: NewKeyStore): Promise<MadeKeyStore> {
  const { signal, retry } = app;
  return buildKeyStore(app, what, {
    create: (path, seals, deps) => KeyStore.create(path, seals, deps, signal),
    finish: async (store, addIdentities) => {
      const { id, signingPublic } = store.facts();
      act(store, itself, { act: "store.create", subject: "store", detail: { id } }, () => {
        const { backup } = addIdentities();
        if (what.first !== null) begin(store, what.first, backup);
      });
      if (what.first !== null) {
        const { place } = what.first;
        try {
          await ensureCopied({ store, openPlace: (given, stop) => openStoreAt(given, retry, stop) }, signal);
        } catch (error) {
          const stop = signal.aborted ? AbortSignal.timeout(WITHDRAWING_MS) : signal; // it is taken back by who was stopped, too
          // What withdrawing throws is of less use than why it is withdrawn.
          await withdraw(store, () => openStoreAt(place, retry, stop), stop).catch(() => undefined);
          throw error;
        }
      }
      return { signingKey: signingPublic };
    },
  });
}

/** The store's kit, and the vault that it is for: its copies go there. */
function begin(store: KeyStore, { vault, place, domain, kit }: FirstVault, reporter: string): void {
  adoptKit(store, { ...kit, vaults: [vault.id] });
  const rootCommitment = fromHex(vault.rootCommitment) ?? new Uint8Array();
  enrolVault(store, { vault: vault.id, name: vault.name, rootCommitment, reporter });
  addPlace(store, { place, domain });
}

/** Takes away what a store that came to nothing left in its place: its claim would keep every other one from it. */
async function withdraw(store: KeyStore, open: () => Promise<Store>, signal: AbortSignal): Promise<void> {
  await using objects = await open();
  const { epoch, epochClaim, signingPublic } = store.facts();
  const claims = await readClaims(objects, signingPublic, signal);
  if (claims.find((each) => each.epoch === epoch)?.claim?.claim !== epochClaim) return;
  for (const key of [copyKeys.copy(epoch, 1), copyKeys.claim(epoch)]) await objects.delete(key, signal);
}
