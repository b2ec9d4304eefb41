import type { KitFacts } from "#api/kit.ts";
import type { App } from "#cli/app/app.ts";
import type { KitTools, KitTrial, TriedKit, TypedShare } from "#cli/app/kit-tools.ts";
import { LockstepError } from "#errors/errors.ts";

export type CheckedKit = Pick<TriedKit, "trials" | "others"> & { readonly kit: KitFacts };

/**
 * Shows that a kit opens the newest copy in each place, and vaults; tells the key side, and people. Its shares are combined in a process
 * of its own.
 *
 * @param signingKey  of the key store: Ed25519, 32 bytes
 * @param vaults      folders or URLs, absolute: all that the kit must open
 * @throws {LockstepError} KIT_REJECTED: the shares do not go together, do not open all, or are not those of the kit in use;
 *   COPY_NOT_DURABLE; KIT_NOT_TRIED; and what the key side answers with
 */
export async function checkKit(
  { keySide, output, signal }: App,
  tools: KitTools,
  shares: readonly TypedShare[],
  { signingKey, vaults }: { readonly signingKey: Uint8Array; readonly vaults: readonly string[] },
): Promise<CheckedKit> {
  const client = await keySide("custodian");
  await client.call("copy.make", { full: false }, signal);
  const { epoch, places } = await client.call("copy.list", {}, signal);
  const targets = {
    epoch,
    signingKey,
    places: places.map(({ place, newest }) => ({ place, newest: newest?.number ?? 1 })),
    vaults,
  };
  const tried = await tools.tryKit(shares, targets);
  const id = shares[0]?.setId ?? "";
  const lines = tried.trials.map((trial) => trialLine(id, trial));
  const failed = tried.trials.find(({ failure }) => failure !== null);
  if (failed !== undefined) {
    output.note(...lines);
    throw new LockstepError("KIT_REJECTED", `the kit ${id} does not open all: ${failed.place}: ${failed.failure}`, {
      hint: "Are these the pages of the newest kit, and can all places be reached? `lockstep kit create` makes a new one.",
    });
  }
  const checked = { id, epoch, number: tried.newest, vaults: [...tried.vaults] };
  const { kit } = await client.call("kit.checked", checked, signal);
  output.print(...lines);
  return { kit, trials: tried.trials, others: tried.others };
}

function trialLine(id: string, { place, opened, failure }: KitTrial): string {
  return failure === null
    ? `The kit ${id} opens ${opened} in ${place}`
    : `The kit ${id} does NOT open what is in ${place}: ${failure}`;
}
