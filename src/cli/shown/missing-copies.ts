import { base64 } from "#bytes/text.ts";
import type { App } from "#cli/app/app.ts";
import type { FoundCopies, KitTools } from "#cli/app/kit-tools.ts";
import type { StatedVersion } from "#ops/keys/stated-versions.ts";
import { statedAndNotHeld } from "#ops/keys/stated-versions.ts";
import { nothingKnown, readMachines } from "#ops/machines/machines.ts";
import type { Store } from "#store/contract.ts";
import type { OpenedKeyring } from "#vault/keyring/keyring.ts";
import { logKeyring } from "#vault/keyring/log-keyring.ts";
import type { Log } from "#vault/log/log.ts";
import type { Vault } from "#vault/vault.ts";

type Newest = NonNullable<FoundCopies["newest"]>;

/** What shows that something is missing, and the newest epoch that it names; 0: none. */
type Witness = { readonly missing: string | null; readonly epoch: number };

/**
 * Compares the newest good copy that was found with what the key store signed: newer copies that go on from one that is missing, and in the
 * vault's logs receipts, which name copies, and statements on points, which name versions. Whoever took newer copies away is noticed by them.
 *
 * @returns  `missing`: what should be there and is not, in words; null where nothing is. `knownEpoch`: the newest that one
 *   of them names; 0 where none does
 */
export async function whatIsMissing(
  { output, now, random, retry, host, signal }: App,
  tools: KitTools,
  found: {
    readonly objects: Store;
    readonly keyring: OpenedKeyring;
    readonly copies: FoundCopies;
    readonly newest: Newest;
  },
): Promise<{ readonly missing: string | null; readonly knownEpoch: number }> {
  const { objects, keyring, copies, newest } = found;
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
      message: `the log of ${machine} cannot be asked for what the key store knew: ${error.message}`,
    });
  }
  const witnesses = [
    byCopies(copies),
    byReceipts(tools, logs, newest),
    await byStatements(vault, { logs, newest, held: tools.versionsIn(copies) }, signal),
  ];
  const missing = witnesses.flatMap((witness) => witness.missing ?? []);
  return {
    missing: missing.length === 0 ? null : missing.join("; "),
    knownEpoch: Math.max(...witnesses.map(({ epoch }) => epoch)),
  };
}

function byCopies({ cut }: FoundCopies): Witness {
  if (cut === null) return { missing: null, epoch: 0 };
  return {
    missing: `copy ${cut.number} of epoch ${cut.epoch} is there, and one that it goes on from is not`,
    epoch: cut.epoch,
  };
}

function byReceipts(tools: KitTools, logs: readonly Log[], newest: Newest): Witness {
  const receipts = logs
    .map(({ fold }) => fold.receipts.get(newest.storeId))
    .filter((receipt) => receipt !== undefined && tools.isReceiptSigned(receipt, newest.signingKey))
    .filter((receipt) => receipt !== undefined)
    .toSorted((a, b) => b.epoch - a.epoch || b.copy - a.copy);
  const [last] = receipts;
  if (last === undefined) return { missing: null, epoch: 0 };
  const isNewer = last.epoch > newest.epoch || (last.epoch === newest.epoch && last.copy > newest.number);
  const words = `the vault knows of copy ${last.copy} of epoch ${last.epoch} (${last.at}), and the newest good one is ${newest.number} of epoch ${newest.epoch}`;
  return { missing: isNewer ? words : null, epoch: last.epoch };
}

async function byStatements(
  vault: Vault,
  { logs, newest, held }: { logs: readonly Log[]; newest: Newest; held: ReadonlySet<string> },
  signal: AbortSignal,
): Promise<Witness> {
  const keyStore = { store: newest.storeId, signingKey: base64(newest.signingKey) };
  const stated: StatedVersion[] = [];
  for (const log of logs) {
    const source = { store: vault.store, keys: vault.keyring.keys, machine: log.machine };
    const since = { held, sinceEpoch: newest.epoch };
    stated.push(...(await statedAndNotHeld({ log, source }, keyStore, since, signal)));
  }
  if (stated.length === 0) return { missing: null, epoch: 0 };
  const names = stated.map(({ version, machineName }) => `${version} (machine ${machineName})`).join(", ");
  const words = `points were tried with key versions that copy ${newest.number} of epoch ${newest.epoch} does not have: ${names}`;
  return { missing: words, epoch: Math.max(...stated.map(({ epoch }) => epoch)) };
}
