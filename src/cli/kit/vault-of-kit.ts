import type { App, OpenVault } from "#cli/app/app.ts";
import { isKitWay } from "#ops/keys/kit-way.ts";
import { addUnlockWay, removeUnlockWay } from "#ops/unlock/unlock-ways.ts";
import { listWays } from "#vault/keyring/keyring.ts";
import type { OpenedKeyring } from "#vault/keyring/keyring.ts";
import type { NewWay } from "#vault/keyring/unlock-way.ts";
import type { Log } from "#vault/log/log.ts";

/** A vault that has the way of the new kit. */
export type VaultOfKit = { readonly vault: OpenVault; readonly logs: readonly Log[]; readonly opened: OpenedKeyring };

/** Lets a kit open a vault, and tells the vault's logs. @throws {LockstepError} what `addUnlockWay` throws */
export async function addKitWay(
  { keyringDeps: deps, output, signal }: App,
  vault: OpenVault,
  way: NewWay,
): Promise<VaultOfKit> {
  const { logs } = await vault.machines();
  const keyring = { store: vault.vault.store, opened: vault.keyring, deps };
  const added = await addUnlockWay(keyring, logs, way, signal);
  await vault.rememberKeyring(added.keyring);
  for (const message of added.warnings) output.warn({ code: "LOG_NOT_TOLD", message });
  return { vault, logs, opened: added.keyring };
}

/** Removes the unlock ways of some kits from a vault. @returns the labels of those that are gone */
export async function removeKitWays(
  { keyringDeps: deps, output, signal }: App,
  { vault, logs, opened }: VaultOfKit,
  isMeant: (label: string) => boolean,
): Promise<readonly string[]> {
  const labels: string[] = [];
  let keyring = opened;
  for (const way of listWays(opened)) {
    if (!isKitWay(way) || !isMeant(way.label)) continue;
    const removed = await removeUnlockWay({ store: vault.vault.store, opened: keyring, deps }, logs, way, signal);
    keyring = removed.keyring;
    await vault.rememberKeyring(keyring);
    for (const message of removed.warnings) output.warn({ code: "LOG_NOT_TOLD", message });
    labels.push(way.label);
  }
  return labels;
}
