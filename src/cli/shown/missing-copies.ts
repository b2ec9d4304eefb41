import type { App } from "#cli/app/app.ts";
import type { FoundCopies, KitTools } from "#cli/app/kit-tools.ts";
import { nothingKnown, readMachines } from "#ops/machines/machines.ts";
import type { Store } from "#store/contract.ts";
import type { OpenedKeyring } from "#vault/keyring/keyring.ts";
import { logKeyring } from "#vault/keyring/log-keyring.ts";

/**
 * Compares the newest copy that was found with the receipts that the vault's logs keep, as far as the key store signed them: whoever
 * took newer copies away is noticed by them.
 *
 * @returns  `missing`: what the vault knows of and is not there, in words; null where nothing is. `knownEpoch`: the newest that a
 *   receipt names, 0 where none does
 */
export async function whatIsMissing(
  { output, now, random, retry, host, signal }: App,
  tools: KitTools,
  { objects, keyring }: { readonly objects: Store; readonly keyring: OpenedKeyring },
  newest: NonNullable<FoundCopies["newest"]>,
): Promise<{ readonly missing: string | null; readonly knownEpoch: number }> {
  const vault = {
    store: objects,
    keyring: logKeyring(objects, keyring),
    now,
    random,
    retry,
    host: host.name,
    program: "lockstep",
  };
  const { logs, faults } = await readMachines(vault, nothingKnown, signal);
  for (const { machine, error } of faults) {
    output.warn({
      code: "VAULT_DAMAGED",
      message: `the log of ${machine} cannot be asked for receipts: ${error.message}`,
    });
  }
  const receipts = logs
    .map(({ fold }) => fold.receipts.get(newest.storeId))
    .filter((receipt) => receipt !== undefined && tools.isReceiptSigned(receipt, newest.signingKey))
    .filter((receipt) => receipt !== undefined)
    .toSorted((a, b) => b.epoch - a.epoch || b.copy - a.copy);
  const [last] = receipts;
  if (last === undefined) return { missing: null, knownEpoch: 0 };
  const isNewer = last.epoch > newest.epoch || (last.epoch === newest.epoch && last.copy > newest.number);
  const words = `the vault knows of copy ${last.copy} of epoch ${last.epoch} (${last.at}), and the newest good one is ${newest.number} of epoch ${newest.epoch}`;
  return { missing: isNewer ? words : null, knownEpoch: last.epoch };
}
