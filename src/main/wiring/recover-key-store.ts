import { fromHex, hex } from "#bytes/text.ts";
import type { App, MadeKeyStore, RecoveredFacts, RecoveredKeyStore } from "#cli/app/app.ts";
import { act } from "#keys/access/act.ts";
import { ensureCopied } from "#keys/copies/copies.ts";
import type { NamedCopy } from "#keys/copies/copy-search.ts";
import { beginEpoch, nextEpoch } from "#keys/copies/epoch-begin.ts";
import { ownCopies } from "#keys/copies/own-copies.ts";
import type { KeyStore } from "#keys/key-store.ts";
import { takeOverPlaces } from "#keys/recovery/recover-places.ts";
import { recoverStore } from "#keys/recovery/recover-store.ts";
import { itself } from "#keys/store/model.ts";
import { enrolVault, loadVaults } from "#keys/vaults/vaults.ts";
import { buildKeyStore } from "#main/wiring/build-key-store.ts";
import { searchOf } from "#main/wiring/kit-tools.ts";
import { openStoreAt } from "#main/wiring/open-store.ts";

/**
 * Makes the key store that is configured of its copies: see `App.recoverKeyStore`.
 *
 * Its epoch is claimed when it is whole but has no name yet: a process that loses the claim has made nothing. Then its first copy is written.
 */
export async function recoverConfiguredKeyStore(
  app: App,
  what: RecoveredKeyStore,
): Promise<MadeKeyStore & RecoveredFacts> {
  const { signal, retry, random } = app;
  const { chain } = searchOf(what.found);
  const newest = (chain.copies.at(-1) ?? chain.copies[0]).header;
  const { epoch: copied } = newest;
  const number = await nextEpoch(what.places, chain.signingKey, Math.max(copied, what.knownEpoch), signal);
  const epoch = { number, claim: hex(random(16)) };
  return buildKeyStore(app, what, {
    create: (path, seals, deps) => recoverStore(path, { chain, seals, epoch }, deps, signal),
    finish: async (store, addIdentities) => {
      await beginEpoch(store, what.places, signal);
      const own: NamedCopy[] = [];
      for (const place of what.places) own.push(...(await ownCopies(store, place, signal)));
      const { id, signingPublic } = store.facts();
      const detail = { id, epoch: number, copyEpoch: copied, copy: newest.number };
      const formerPlaces = act(store, itself, { act: "store.recover", subject: "store", detail }, () => {
        const { backup } = addIdentities();
        enrol(store, what.vault, backup);
        const places = what.places.map(({ place, domain }) => ({ place, domain }));
        return takeOverPlaces(store, places, own, newest);
      });
      await ensureCopied({ store, openPlace: (place, stop) => openStoreAt(place, retry, stop) }, signal);
      return { signingKey: signingPublic, epoch: number, formerPlaces, ...counted(store) };
    },
  });
}

/** By the name that the store knows it by, where it does; by its place and id, where another vault has the place for a name. */
function enrol(store: KeyStore, { id, name, rootCommitment }: RecoveredKeyStore["vault"], reporter: string): void {
  const known = loadVaults(store).find((vault) => vault.id === id);
  const isTaken = loadVaults(store).some((vault) => vault.name === name);
  enrolVault(store, {
    vault: id,
    name: known?.name ?? (isTaken ? `${name} ${id.slice(0, 8)}` : name),
    rootCommitment: fromHex(rootCommitment) ?? new Uint8Array(),
    reporter,
  });
}

function counted({ db }: KeyStore): Pick<RecoveredFacts, "keys" | "versions" | "bindings"> {
  const count = (table: string): number => Number(db.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.["n"]);
  return { keys: count("keys"), versions: count("versions"), bindings: count("bindings") };
}
