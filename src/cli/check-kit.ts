import type { CopyListing } from "#api/copies.ts";
import type { KitFacts } from "#api/kit.ts";
import type { App } from "#cli/app.ts";
import type { OpenedKit } from "#cli/kit-tools.ts";
import { LockstepError, isLockstepError, messageOf } from "#errors/errors.ts";
import type { Store } from "#store/contract.ts";
import { openKeyring } from "#vault/keyring-open.ts";
import { listWays, wayInUse } from "#vault/keyring.ts";
import type { WayInfo } from "#vault/unlock-way.ts";

/** What a kit was tried on. */
export type KitTrial = {
  readonly place: string;
  /** `copy 7 of epoch 1`, or `vault` and its id; null where it does not open. */
  readonly opened: string | null;
  /** Why it does not open, in words; null where it does. */
  readonly failure: string | null;
};

export type CheckedKit = {
  readonly kit: KitFacts;
  readonly trials: readonly KitTrial[];
  /** Unlock ways of other kits that the vaults have. */
  readonly others: readonly { readonly place: string; readonly label: string }[];
};

/** Whether an unlock way of a vault is that of a kit. */
export function isKitWay({ label }: WayInfo): boolean {
  return /^kit [0-9a-f]{8}$/.test(label);
}

/**
 * Shows that a kit opens the newest copy in each place, and vaults; tells the key side, and people.
 *
 * @param signingKey  of the key store: Ed25519, 32 bytes
 * @param vaults      folders or URLs: all that the kit is to open
 * @throws {LockstepError} KIT_REJECTED: it does not open all, or it is not the kit in use; COPY_NOT_DURABLE; and what the key side
 *   answers with
 */
export async function checkKit(
  app: App,
  kit: OpenedKit,
  { signingKey, vaults }: { readonly signingKey: Uint8Array; readonly vaults: readonly string[] },
): Promise<CheckedKit> {
  const { output, signal } = app;
  const client = await app.keySide("custodian");
  await client.call("copy.make", { full: false }, signal);
  const listed = await client.call("copy.list", {}, signal);
  const trials: KitTrial[] = [];
  let number = 0;
  for (const place of listed.places) {
    const attempt = async (objects: Store): Promise<string> => {
      number = Math.max(number, await newestCopy(kit, { ...place, objects }, listed.epoch, signingKey));
      return `copy ${number} of epoch ${listed.epoch}`;
    };
    trials.push(await tryOn(app, place.place, attempt));
  }
  const opened: string[] = [];
  const others: { readonly place: string; readonly label: string }[] = [];
  for (const place of vaults) {
    const attempt = async (objects: Store): Promise<string> => {
      const keyring = await openKeyring(objects, kit.vaultSecret, app.keyringDeps, signal);
      opened.push(keyring.vault.id);
      for (const way of listWays(keyring)) {
        if (isKitWay(way) && way.id !== wayInUse(keyring)?.id) others.push({ place, label: way.label });
      }
      return `vault ${keyring.vault.id}`;
    };
    trials.push(await tryOn(app, place, attempt));
  }
  refuseFailed(app, kit, trials);
  const checked = { id: kit.id, epoch: listed.epoch, number, vaults: opened };
  const reply = await client.call("kit.checked", checked, signal);
  output.print(...trialLines(kit, trials));
  return { kit: reply.kit, trials, others };
}

type ListedPlace = Pick<CopyListing["places"][number], "place" | "newest"> & { readonly objects: Store };

/** The number of the newest copy in a place, which the kit opens. @throws {LockstepError} KIT_REJECTED: it does not */
async function newestCopy(
  kit: OpenedKit,
  { place, objects, newest: expected }: ListedPlace,
  epoch: number,
  signingKey: Uint8Array,
): Promise<number> {
  const { newest, refused } = await kit.findCopies([{ place, objects }], signingKey);
  if (newest !== null && newest.epoch === epoch && newest.number >= (expected?.number ?? 1)) return newest.number;
  const why = refused[0] ?? "the newest that should be there is missing";
  throw new LockstepError("KIT_REJECTED", `looking for copies: ${why}`);
}

async function tryOn(app: App, place: string, attempt: (objects: Store) => Promise<string>): Promise<KitTrial> {
  try {
    return { place, opened: await attempt(await app.openStore(place)), failure: null };
  } catch (error) {
    if (!isLockstepError(error) || error.code === "CANCELLED") throw error;
    return { place, opened: null, failure: messageOf(error) };
  }
}

function refuseFailed({ output }: App, kit: OpenedKit, trials: readonly KitTrial[]): void {
  const failed = trials.find(({ failure }) => failure !== null);
  if (failed === undefined) return;
  output.note(...trialLines(kit, trials));
  throw new LockstepError("KIT_REJECTED", `the kit ${kit.id} does not open all: ${failed.place}: ${failed.failure}`, {
    hint: "Are these the pages of the newest kit, and can all places be reached? `lockstep kit create` makes a new one.",
  });
}

function trialLines({ id }: OpenedKit, trials: readonly KitTrial[]): readonly string[] {
  return trials.map(({ place, opened, failure }) =>
    failure === null
      ? `The kit ${id} opens ${opened} in ${place}`
      : `The kit ${id} does NOT open what is in ${place}: ${failure}`,
  );
}
