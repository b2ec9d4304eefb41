import { finding } from "#ops/doctor/doctor.ts";
import type { Finding } from "#ops/doctor/doctor.ts";

/** A disk that the vault backs up, by what the kernel knows it by: see `storageBelow`. */
export type ProtectedDisk = { readonly machine: string; readonly path: string; readonly storage: string };

/** A file or folder, and all that it lies on. */
export type Placed = { readonly path: string; readonly below: ReadonlySet<string> };

/** The places of things that must not depend on themselves. What is not on this host is null or left out. */
export type CircleFacts = {
  readonly host: string;
  /** Those of this host that are in use. */
  readonly disks: readonly ProtectedDisk[];
  /** Names of machines whose disks other hosts read. */
  readonly machinesElsewhere: readonly string[];
  readonly keyStore: Placed | null;
  readonly vault: Placed | null;
  /** Files of this host that open the vault. */
  readonly vaultKeys: readonly Placed[];
  /** A passphrase in somebody's head, or a kit on paper, opens the vault as well. */
  readonly opensElsehow: boolean;
};

/** What could only be brought back with itself. */
export function circleFindings(facts: CircleFacts): readonly Finding[] {
  const { disks, keyStore, vault, vaultKeys, opensElsehow, machinesElsewhere, host } = facts;
  const found: Finding[] = [];
  const disk = keyStore === null ? undefined : diskBelow(disks, keyStore);
  if (keyStore !== null && disk !== undefined) {
    const what = `the key store ${keyStore.path} lies on ${disk.path}, which is backed up as ${disk.machine}`;
    found.push(finding("KEY_HOST_IN_ITSELF", what, moveKeyStore));
  } else if (keyStore !== null && machinesElsewhere.includes(host)) {
    const what = `the key store is on ${host}, and another host backs up a machine of that name: perhaps this one`;
    found.push(finding("KEY_HOST_IN_ITSELF", what, moveKeyStore));
  }
  const ownDisk = vault === null ? undefined : diskBelow(disks, vault);
  if (vault !== null && ownDisk !== undefined) {
    const what = `the vault ${vault.path} lies on ${ownDisk.path}, which it backs up as ${ownDisk.machine}`;
    found.push(finding("VAULT_IN_ITSELF", what, "Move the vault to a disk that it does not back up."));
  }
  if (!opensElsehow) {
    for (const key of vaultKeys) {
      const below = diskBelow(disks, key);
      if (below === undefined) continue;
      const what = `${key.path} opens the vault, and lies on ${below.path}, which is backed up as ${below.machine}; no passphrase or kit opens it`;
      found.push(finding("VAULT_KEY_IN_VAULT", what, "`lockstep vault unlock add`, with a passphrase; or make a kit."));
    }
  }
  return found;
}

const moveKeyStore =
  "Move the key store to a disk or host that is not backed up as a disk: its copies and the kit bring it back.";

function diskBelow(disks: readonly ProtectedDisk[], { below }: Placed): ProtectedDisk | undefined {
  return disks.find(({ storage }) => below.has(storage));
}
