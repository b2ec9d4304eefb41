import { hex } from "#bytes/text.ts";
import type { App, MadeKeyStore, NewKeyStore } from "#cli/app/app.ts";
import type { NewKit } from "#cli/app/kit-tools.ts";
import { finishKit } from "#cli/kit/finish-kit.ts";
import { writePages } from "#cli/kit/kit-page-files.ts";

/** A vault, its folder, and the kit that is to open both. */
export type VaultOfStore = {
  readonly place: string;
  readonly vault: { readonly id: string; readonly rootCommitment: Uint8Array };
  readonly kit: NewKit;
};

/**
 * Makes the key store of a vault, whose copies go there.
 *
 * @param opens   its secrets are wiped
 * @param domain  what fails together with the vault; undefined: this host
 * @throws {LockstepError} what `App.makeKeyStore` throws
 */
export async function makeFirstKeyStore(
  app: App,
  { place, vault: { id, rootCommitment }, kit }: VaultOfStore,
  opens: Pick<NewKeyStore, "seals" | "host">,
  domain: string | undefined,
): Promise<MadeKeyStore> {
  const vault = { id, name: place, rootCommitment: hex(rootCommitment) };
  try {
    return await app.makeKeyStore({ ...opens, first: { vault, place, domain: domain ?? app.host.name, kit } });
  } finally {
    for (const { secret } of opens.seals) secret.secret.wipe();
  }
}

/** Writes the pages of the kit, and ends as `finishKit` does. */
export async function printFirstKit(
  app: App,
  { place, vault, kit }: VaultOfStore,
  { id: storeId, signingKey }: MadeKeyStore,
  { kitTo, kitCheck }: { readonly kitTo: string; readonly kitCheck: boolean },
): ReturnType<typeof finishKit> {
  const files = await writePages(app, kitTo, kit.pages({ storeId, signingKey, vaults: [{ ...vault, place }] }));
  return finishKit(app, { kit, files, signingKey, vaults: [place] }, !kitCheck);
}

/** What to say of a key store that was made. */
export function madeKeyStoreLine({ id, folder, keyFile }: MadeKeyStore): string {
  const opens = keyFile === null ? "a passphrase" : `what this host keeps in ${keyFile}`;
  return `Made key store ${id} in ${folder}. After a restart it opens by ${opens}.`;
}

/** As JSON shows it. docs/json.md */
export function shownKeyStore({ id, folder, keyFile, tokenFiles }: MadeKeyStore): Record<string, unknown> {
  return { id, folder, keyFile, tokenFiles };
}
