import type { Command } from "commander";

import { hex } from "#bytes/text.ts";
import type { App, HostSeal, MadeKeyStore, NewKeyStore } from "#cli/app/app.ts";
import type { NewKit, NewPage } from "#cli/app/kit-tools.ts";
import { finishKit } from "#cli/kit/finish-kit.ts";
import { kitOptions } from "#cli/kit/kit-options.ts";
import type { KitOptions } from "#cli/kit/kit-options.ts";
import { writePages } from "#cli/kit/kit-page-files.ts";
import type { PageFile } from "#cli/kit/kit-page-files.ts";
import { sealOptions } from "#cli/setup/key-store-seals.ts";
import type { SealOptions } from "#cli/setup/key-store-seals.ts";

/** A vault, its folder, and the kit that opens both. */
export type VaultOfStore = {
  readonly place: string;
  readonly vault: { readonly id: string; readonly rootCommitment: Uint8Array };
  readonly kit: NewKit;
};

/** What makes a key store, and its kit. */
export type FirstStoreOptions = KitOptions & SealOptions & { readonly kitTo: string; readonly domain?: string };

/** Declares it. */
export function firstStoreOptions(command: Command): Command {
  return kitOptions(
    sealOptions(command).option(
      "--kit-to <folder>",
      "where the kit's pages are written, until they are printed",
      "lockstep-kit",
    ),
  ).option("--domain <text>", "what fails together with the vault, such as a building; this host, if nothing is said");
}

/**
 * Makes the key store of a vault, whose copies go there.
 *
 * @param opens   its secrets stay the caller's
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
  return await app.makeKeyStore({ ...opens, first: { vault, place, domain: domain ?? app.host.name, kit } });
}

/** Writes the pages of the kit, and ends as `finishKit` does. What is there all the same where that fails is warned of. */
export async function printFirstKit(
  app: App,
  { place, vault, kit }: VaultOfStore,
  { id: storeId, signingKey }: MadeKeyStore,
  { kitTo, kitCheck }: Pick<FirstStoreOptions, "kitTo" | "kitCheck">,
): ReturnType<typeof finishKit> {
  const files = await pagesOrHint(app, kitTo, kit.pages({ storeId, signingKey, vaults: [{ ...vault, place }] }));
  return finishKit(app, { kit, files, signingKey, vaults: [place] }, !kitCheck);
}

async function pagesOrHint(app: App, folder: string, pages: readonly NewPage[]): Promise<readonly PageFile[]> {
  try {
    return await writePages(app, folder, pages);
  } catch (error) {
    app.output.warn({
      code: "LEFT_BEHIND",
      message: "the vault and its key store are made and in use, and the pages of their kit were not written",
      hint: "`lockstep kit create --to FOLDER` makes another kit.",
    });
    throw error;
  }
}

/** What to say of a key store that was made. */
export function madeKeyStoreLine({ id, folder, keyFile, sealedBy }: MadeKeyStore): string {
  const opens = keyFile === null ? "a passphrase" : `what this host keeps in ${keyFile}`;
  const sealed = sealedBy === null ? "" : `, sealed ${sealWords[sealedBy]}`;
  return `Made key store ${id} in ${folder}. After a restart it opens by ${opens}${sealed}.`;
}

const sealWords: Readonly<Record<HostSeal, string>> = {
  tpm: "by this host's TPM and by systemd's key of this host",
  host: "by systemd's key of this host alone, and by no TPM",
};

/** As JSON shows it. docs/json.md */
export function shownKeyStore({ id, folder, keyFile, sealedBy, tokenFiles }: MadeKeyStore): Record<string, unknown> {
  return { id, folder, keyFile, sealedBy, tokenFiles };
}
