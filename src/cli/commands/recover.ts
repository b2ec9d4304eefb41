import { resolve } from "node:path";

import { hex } from "#bytes/text.ts";
import type { App } from "#cli/app/app.ts";
import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import type { FoundCopies, KitTools, OpenedKit } from "#cli/app/kit-tools.ts";
import { folderOf } from "#cli/files/place.ts";
import { askShares } from "#cli/kit/kit-share-input.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { collect } from "#cli/program/options.ts";
import { nameVaultInConfig } from "#cli/setup/config-vault.ts";
import { addHostWay } from "#cli/setup/host-way.ts";
import { keyStoreSeals, sealOptions, wipedAtEnd } from "#cli/setup/key-store-seals.ts";
import type { SealOptions } from "#cli/setup/key-store-seals.ts";
import { counted } from "#cli/shown/checked.ts";
import { whatIsMissing } from "#cli/shown/missing-copies.ts";
import { LockstepError, isLockstepError } from "#errors/errors.ts";
import type { Store } from "#store/contract.ts";
import { openKeyring } from "#vault/keyring/keyring-open.ts";
import type { OpenedKeyring } from "#vault/keyring/keyring.ts";

type Options = SealOptions & {
  readonly place?: readonly string[];
  readonly shareFile?: readonly string[];
  readonly signingKey?: string;
  readonly acceptOlder?: true;
  readonly hostKey: boolean;
};

type NewestCopy = NonNullable<FoundCopies["newest"]>;

/** `recover` */
export const define: Define = (command, run) => {
  const places = command
    .option("--place <place>", "another place with copies of the key store; may be repeated", collect)
    .option("--share-file <file>", "a file with a share, instead of asking; as often as there are shares", collect)
    .option("--signing-key <key>", "the copy-signing key that the kit prints, instead of asking whether it is the same")
    .option("--accept-older", "go on although the vault knows of newer copies, or of key versions, that are not there");
  sealOptions(places)
    .option("--no-host-key", "do not let this host open the vault by itself")
    .addHelpText(
      "after",
      helpEnd(
        [
          ["lockstep recover --vault /mnt/copy", "asks for the kit's shares"],
          ["lockstep recover --vault /mnt/copy --place /media/stick/lockstep", "the newest copy of both is taken"],
        ],
        [
          "0 the key store is back",
          "65 no good copy, or newer ones are missing",
          "75 there is a key store, or somebody else recovers it",
        ],
      ),
    )
    .action(
      run(async (app, options: Options) => {
        const { output, config, host, keyringDeps, signal } = app;
        const vaultPlace = vaultOf(app);
        await app.refuseKeyStore();
        const tools = await app.kitTools();
        using kit = await openKit(app, tools, options.shareFile ?? []);
        const objects = await app.openStore(vaultPlace);
        const keyring = await openKeyring(objects, kit.vaultSecret, keyringDeps, signal);
        const { id, rootCommitment } = keyring.vault;
        output.print(
          `The kit ${kit.id} opens the vault ${id}.`,
          `Its root-key commitment: ${shown(tools, rootCommitment)}`,
        );

        const places = [{ place: vaultPlace, domain: host.name, objects }];
        for (const given of options.place ?? []) {
          const place = resolve(host.workingFolder, folderOf(given));
          places.push({ place, domain: `${host.name}: ${place}`, objects: await app.openStore(place) });
        }
        const given = options.signingKey === undefined ? null : tools.parseSigningKey(options.signingKey);
        const found = await kit.findCopies(places, given);
        for (const message of found.refused) output.warn({ code: "COPY_REFUSED", message });
        const newest = newestOf(found);
        output.print(
          `The newest good copy of the key store: ${newest.number} of epoch ${newest.epoch}, of ${Temporal.Instant.from(newest.at).toString({ smallestUnit: "second" })}.`,
        );
        if (given === null) await confirmKey(app, tools, newest.signingKey);
        const knownEpoch = await refuseOlder(
          app,
          tools,
          { objects, keyring, copies: found, newest },
          options.acceptOlder === true,
        );

        const opens = await keyStoreSeals(app, options);
        using _secrets = wipedAtEnd(opens);
        const recovered = await app.recoverKeyStore({
          ...opens,
          found,
          places,
          vault: { id, name: vaultPlace, rootCommitment: hex(rootCommitment) },
          knownEpoch,
        });
        const hostKeyFile = options.hostKey ? await letHostOpen(app, objects, keyring) : null;
        const configured = await nameVaultInConfig(config, vaultPlace);
        output.print(
          `The key store ${recovered.id} is back: ${counted(recovered.keys, "key")}, ${counted(recovered.versions, "version")}, ${counted(recovered.bindings, "binding")}. Its epoch is ${recovered.epoch}.`,
          "It releases and destroys nothing until each vault has reported: `lockstep check --all` does, or the next backups.",
          "Identities of before are void: add them again with `lockstep identity add`. Make a new kit: `lockstep kit create`.",
          ...recovered.formerPlaces.map(
            (place) => `Copies no longer go to ${place}: lockstep place add FOLDER --domain NAME`,
          ),
          configured.words,
        );
        output.finish({
          keyStore: {
            id: recovered.id,
            epoch: recovered.epoch,
            folder: recovered.folder,
            keyFile: recovered.keyFile,
            tokenFiles: recovered.tokenFiles,
          },
          copy: { epoch: newest.epoch, number: newest.number, at: newest.at },
          keys: recovered.keys,
          versions: recovered.versions,
          bindings: recovered.bindings,
          formerPlaces: recovered.formerPlaces,
          vault: { id, place: vaultPlace },
          hostKeyFile,
          config: { path: config.config.value, written: configured.written },
        });
        return exitCodes.done;
      }),
    );
};

async function openKit(app: App, tools: KitTools, files: readonly string[]): Promise<OpenedKit> {
  using shares = await askShares(app, tools, files);
  return await tools.combine(shares.all);
}

/** The key store is back by now: what fails here does not take that away. @returns the key file; null where it failed */
async function letHostOpen(app: App, objects: Store, keyring: OpenedKeyring): Promise<string | null> {
  try {
    return await addHostWay(app, objects, keyring);
  } catch (error) {
    if (!isLockstepError(error) || error.code === "CANCELLED") throw error;
    const message = `this host does not open the vault by itself: ${error.message}`;
    app.output.warn({ code: error.code, message, hint: "`lockstep vault unlock add --this-host` tries again." });
    return null;
  }
}

function vaultOf({ config, host }: App): string {
  const { value } = config.vault;
  if (value !== null) return resolve(host.workingFolder, folderOf(value));
  throw new LockstepError("ARGUMENT_INVALID", "recovering the key store: no vault is named", {
    hint: "Name a copy of the vault with --vault.",
  });
}

function newestOf({ newest, refused }: FoundCopies): NewestCopy {
  if (newest !== null) return newest;
  throw new LockstepError(
    "COPY_REJECTED",
    `recovering the key store: no good copy is there${refused.length === 0 ? "" : `: ${refused[0]}`}`,
    {
      hint: "Name another place that copies went to by --place.",
    },
  );
}

async function confirmKey(app: App, tools: KitTools, key: Uint8Array): Promise<void> {
  app.output.print(`It is signed by: ${shown(tools, key)}`);
  if (!app.host.stdinIsTerminal) {
    throw new LockstepError("ARGUMENT_INVALID", "recovering the key store: nobody compared the copy-signing key", {
      hint: "Give the one that the kit prints by --signing-key.",
    });
  }
  const answer = await app.askLine("Is this the copy-signing key on the kit's page? (yes or no) ");
  if (answer.toLowerCase() === "yes") return;
  throw new LockstepError(
    "COPY_REJECTED",
    "recovering the key store: its copies are signed by another key than the kit's",
    {
      hint: "They are forged, or of another key store. With --signing-key and the key that the page prints, such copies are passed over.",
    },
  );
}

/** @returns  the newest epoch that the vault's logs know of @throws {LockstepError} COPY_REJECTED: newer copies are missing */
async function refuseOlder(
  app: App,
  tools: KitTools,
  found: {
    readonly objects: Store;
    readonly keyring: OpenedKeyring;
    readonly copies: FoundCopies;
    readonly newest: NewestCopy;
  },
  isOlderAccepted: boolean,
): Promise<number> {
  const { missing, knownEpoch } = await whatIsMissing(app, tools, found);
  if (missing === null) return knownEpoch;
  if (!isOlderAccepted) {
    throw new LockstepError("COPY_REJECTED", `recovering the key store: ${missing}`, {
      hint: "Look for them in other places (--place). Where they are lost, --accept-older goes on without what they had.",
    });
  }
  app.output.warn({ code: "COPY_OLDER", message: missing });
  return knownEpoch;
}

function shown(tools: KitTools, bytes: Uint8Array): string {
  return tools.groupsOf(bytes).join(" ");
}
