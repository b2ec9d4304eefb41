import { stat } from "node:fs/promises";
import process from "node:process";

import type { App, OpenVault } from "#cli/app/app.ts";
import { folderOf } from "#cli/files/place.ts";
import type { KeySideStatus } from "#cli/shown/key-side-status.ts";
import { LockstepError } from "#errors/errors.ts";
import type { CircleFacts, Placed, ProtectedDisk } from "#ops/doctor/doctor-circles.ts";
import type { HostFacts } from "#ops/doctor/doctor-host.ts";
import { keySideFindings } from "#ops/doctor/doctor-keys.ts";
import { readMemory, readOwnFiles, readRoom, readSynchronised, vaultKeyFiles } from "#ops/doctor/doctor-read.ts";
import type { OwnPlaces, Unseen } from "#ops/doctor/doctor-read.ts";
import { storageBelow, storageOf } from "#ops/doctor/doctor-storage.ts";
import { finding } from "#ops/doctor/doctor.ts";
import type { Finding } from "#ops/doctor/doctor.ts";
import { hasKitWay } from "#ops/keys/kit-way.ts";
import { disksInUse } from "#ops/machines/disk-definition.ts";
import type { Machines } from "#ops/machines/machines.ts";
import { judgeClock } from "#policy/clock.ts";
import { listWays } from "#vault/keyring/keyring.ts";

/** The vault and what is in it. */
type SeenVault = { readonly vault: OpenVault; readonly machines: Machines };

/** Where this host has what, by its configuration. */
export function ownPlaces({ config, hostTokenPath }: App): OwnPlaces {
  return {
    config: config.config.value,
    state: config.state.value,
    keysFolder: config.keysFolder.value,
    keyFile: config.keysKeyFile.value,
    tokens: [hostTokenPath("custodian"), hostTokenPath("auditor"), hostTokenPath("backup")],
    passphraseFile: config.passphraseFile.value,
    vault: config.vault.value === null ? null : folderOf(config.vault.value),
  };
}

/** Opens the vault; null where it cannot be opened: what does not need it is looked at all the same. @throws {LockstepError} CANCELLED */
export async function seenVault(app: App, unseen: Unseen): Promise<SeenVault | null> {
  try {
    const vault = await app.openVault();
    return { vault, machines: await vault.machines() };
  } catch (error) {
    if (app.signal.aborted || !(error instanceof LockstepError)) throw error;
    unseen.push(`the vault and its machines: ${error.message}`);
    return null;
  }
}

/** What is found of the key side: what it says of itself, or that it does not answer. */
export async function keySideFound(
  { config }: App,
  { keysFolder, state, vault }: OwnPlaces,
  { state: how, why, facts }: KeySideStatus,
  unseen: Unseen,
  seen: SeenVault | null = null,
): Promise<readonly Finding[]> {
  if (how === "none") unseen.push(`keys, copies and kit: there is no key store ${config.keysFolder.value}`);
  if (how === "unreachable") {
    const next = "`lockstep keystore show` says where it answers; start its service. A lost one: `lockstep recover`.";
    return [finding("KEY_SIDE_UNREACHABLE", `the key side cannot be asked: ${why ?? "no answer"}`, next)];
  }
  if (facts === null) return [];
  const keyOwner = await ownerOf(keysFolder);
  const backupOwner = (vault === null ? null : await ownerOf(vault)) ?? (await ownerOf(state)) ?? process.geteuid?.();
  const vaultWays = seen === null ? null : listWays(seen.vault.keyring);
  return keySideFindings({ ...facts, vaultWays, keyOwner, backupOwner: backupOwner ?? 0 });
}

/** Where things lie that must not lie on what they bring back. */
export async function circleFacts(
  { host }: App,
  { keysFolder, vault: folder, state }: OwnPlaces,
  { vault, machines }: SeenVault,
  { facts }: KeySideStatus,
  unseen: Unseen,
): Promise<CircleFacts> {
  const definitions = machines.logs.map(({ fold }) => fold.machine).filter((machine) => machine.protected);
  const disks: ProtectedDisk[] = [];
  for (const machine of definitions) {
    for (const disk of disksInUse(machine).filter((each) => each.host === host.name)) {
      const storage = await storageOf(disk.path);
      if (storage !== null) disks.push({ machine: machine.name, path: disk.path, storage });
    }
  }
  const elsewhere = definitions.filter((machine) => disksInUse(machine).some((disk) => disk.host !== host.name));
  const keys = await Promise.all((await vaultKeyFiles(state)).map((path) => placed(path, unseen)));
  const ways = listWays(vault.keyring);
  const kit = facts?.kit ?? null;
  return {
    host: host.name,
    disks,
    machinesElsewhere: elsewhere.map(({ name }) => name),
    keyStore: await placed(keysFolder, unseen),
    vault: folder === null ? null : await placed(folder, unseen),
    vaultKeys: keys.filter((key) => key !== null),
    opensElsehow: ways.some(({ kind }) => kind === "passphrase") || (kit !== null && hasKitWay(ways, kit.id)),
  };
}

/** Null where it is not there, or cannot be looked at. */
async function placed(path: string, unseen: Unseen): Promise<Placed | null> {
  if ((await ownerOf(path)) === null) return null;
  try {
    return { path, below: (await storageBelow(path)).below };
  } catch (error) {
    unseen.push(`what ${path} lies on: ${error instanceof Error ? error.message : String(error)}`);
    return null;
  }
}

/** What this host is like, and what the logs say of its clock. */
export async function hostFacts(
  { now }: App,
  places: OwnPlaces,
  seen: SeenVault | null,
  unseen: Unseen,
): Promise<HostFacts> {
  const doubts = (seen?.machines.logs ?? []).flatMap(({ fold }) => {
    const trustedAt = Temporal.Instant.from(fold.clock.trustedAt);
    const judgement = fold.machine.protected ? judgeClock({ trustedAt, now: now() }) : "ok";
    return judgement === "ok" ? [] : [{ machine: fold.machine.name, doubt: judgement.doubtful }];
  });
  return {
    files: await readOwnFiles(places, unseen),
    room: await readRoom(places, unseen),
    ...(await readMemory(unseen)),
    clockDoubts: doubts,
    isSynchronised: await readSynchronised(unseen),
  };
}

/** By number; null where there is no such file, or it cannot be looked at. */
async function ownerOf(path: string): Promise<number | null> {
  try {
    return (await stat(path)).uid;
  } catch {
    return null;
  }
}
