import { resolve } from "node:path";

import type { ReplyOf } from "#api/routes.ts";
import { hex } from "#bytes/text.ts";
import type { App, OpenVault } from "#cli/app/app.ts";
import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { refuseReadOnly } from "#cli/app/read-only.ts";
import { folderOf } from "#cli/files/place.ts";
import { askShares } from "#cli/kit/kit-share-input.ts";
import { addKitWay } from "#cli/kit/vault-of-kit.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { collect } from "#cli/program/options.ts";
import type { KeyClient } from "#client/key-client.ts";
import { LockstepError, isLockstepError, messageOf } from "#errors/errors.ts";
import { hasKitWay } from "#ops/keys/kit-way.ts";
import { adoptKeyStore } from "#ops/keys/known-key-store.ts";
import { listWays } from "#vault/keyring/keyring.ts";

type Options = {
  readonly name?: string;
  readonly reporter?: string;
  readonly copies: boolean;
  readonly domain?: string;
  readonly kit?: true;
  readonly shareFile?: readonly string[];
};

type Kit = NonNullable<ReplyOf<"kit.show">["kit"]>;

/** `vault enrol` */
export const define: Define = (command, run) => {
  command
    .option("--name <name>", "what the key side calls it; its place, if nothing is said")
    .option("--reporter <identity>", "the backup identity that reports for it; this host's, if nothing is said")
    .option("--no-copies", "send no copies of the key store into it, where it is new to the key store")
    .option("--domain <text>", "what fails together with it, such as a building; this host, if nothing is said")
    .option("--kit", "let the kit in use open it: asks for its shares")
    .option("--share-file <file>", "as --kit; a file with a share, instead of asking; may be repeated", collect)
    .addHelpText(
      "after",
      helpEnd(
        [
          ["lockstep vault enrol --kit", "make the vault known to the key store, and let the kit open it"],
          ["lockstep vault enrol --reporter backup@host2", "another host reports for it from now on"],
        ],
        ["0 the key store knows it", "66 there is no such identity", "75 it is known by another root key"],
      ),
    )
    .action(
      run(async (app, options: Options) => {
        const { output, signal, host } = app;
        const vault = await app.openVault();
        const { id, rootCommitment } = vault.keyring.vault;
        const { name = vault.place, reporter = `backup@${host.name}` } = options;
        const client = await app.keySide("custodian");
        const before = await client.call("vault.list", {}, signal);
        const given = { vault: id, name, rootCommitment: hex(rootCommitment), reporter };
        await client.call("vault.enrol", given, signal);
        const { logs } = await vault.machines();
        for (const log of logs) await adoptKeyStore({ log, client }, signal);
        output.print(`The key store knows the vault ${name}; ${reporter} reports for it, from the next backup on.`);

        const isNew = !before.vaults.some(({ vault: each }) => each === id);
        if (isNew && options.copies) await sendCopies(app, client, vault, options.domain ?? host.name);
        const place = placeOf(app, vault);
        const copies = (await client.call("copy.list", {}, signal)).places.some((each) => each.place === place);
        output.print(`${copies ? "Copies" : "No copies"} of the key store go there.`);
        const { kit } = await client.call("kit.show", {}, signal);
        const isOpened = kit === null ? null : await letKitOpen(app, vault, kit, options);
        output.finish({ vault: id, name, reporter, copies, kit: isOpened });
        return exitCodes.done;
      }),
    );
};

function placeOf({ host }: App, { place }: OpenVault): string {
  return resolve(host.workingFolder, folderOf(place));
}

/** Has copies of the key store go into a vault; where that fails, it is enrolled all the same, and why is warned of. */
async function sendCopies(app: App, client: KeyClient, vault: OpenVault, domain: string): Promise<void> {
  const { output, signal } = app;
  const place = placeOf(app, vault);
  try {
    const { places } = await client.call("copy.list", {}, signal);
    if (!places.some((each) => each.place === place)) await client.call("place.add", { place, domain }, signal);
    await client.call("copy.make", { full: false }, signal);
  } catch (error) {
    if (!isLockstepError(error) || error.code === "CANCELLED") throw error;
    output.warn({
      code: error.code,
      message: `a copy of the key store could not be put into the vault: ${messageOf(error)}`,
      hint: "`lockstep place add` tries again; `lockstep place list` shows where copies go.",
    });
  }
}

/** @returns whether a kit has its unlock way in a vault now */
async function letKitOpen(app: App, vault: OpenVault, kit: Kit, options: Options): Promise<boolean> {
  const { output } = app;
  if (hasKitWay(listWays(vault.keyring), kit.id)) return true;
  if (options.kit !== true && options.shareFile === undefined) {
    output.print(`The kit ${kit.id} does not open it: \`lockstep vault enrol --kit\` lets it, and asks for shares.`);
    return false;
  }
  refuseReadOnly(vault, "adding the kit's unlock way");
  const tools = await app.kitTools();
  using shares = await askShares(app, tools, options.shareFile ?? []);
  using opened = await tools.combine(shares.all);
  if (opened.id !== kit.id) {
    throw new LockstepError("KIT_REJECTED", `the kit ${opened.id} is not the one in use, which is ${kit.id}`, {
      hint: "Use the pages of the newest kit, and destroy older ones.",
    });
  }
  await addKitWay(app, vault, { label: `kit ${kit.id}`, secret: opened.vaultSecret });
  output.print(
    `The kit ${kit.id} opens it. Its pages do not name it: write on each which vaults it is for, or make a new kit.`,
    "Then check it: `lockstep kit check`, with --also-vault for each other vault.",
  );
  return true;
}
