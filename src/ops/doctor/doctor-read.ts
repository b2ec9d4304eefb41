import { readFile, readdir, stat, statfs } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

import { systemErrorName } from "#disk/system-error.ts";
import { unescapePath } from "#linux/kernel-text.ts";
import type { HostFacts, OwnFile, Room } from "#ops/doctor/doctor-host.ts";
import { storageBelow } from "#ops/doctor/doctor-storage.ts";

const MIB = 2 ** 20;
const GIB = 2 ** 30;

/** Lockstep's places on this host, as absolute paths. */
export type OwnPlaces = {
  readonly config: string;
  readonly state: string;
  readonly keysFolder: string;
  readonly keyFile: string;
  readonly tokens: readonly string[];
  readonly passphraseFile: string | null;
  /** The vault's folder; null: none of this host's. */
  readonly vault: string | null;
};

/** Collects what could not be looked at, in words. */
export type Unseen = string[];

/**
 * Looks at the files that a host keeps: those that are secret, and the folders that they are in. What is not there is left out.
 *
 * @param unseen  what this user may not look at is added to it
 */
export async function readOwnFiles(places: OwnPlaces, unseen: Unseen): Promise<readonly OwnFile[]> {
  const { config, state, keysFolder, keyFile, tokens, passphraseFile } = places;
  const files: OwnFile[] = [];
  const look = async (path: string, kind: OwnFile["kind"], ownerUid: number | null): Promise<void> => {
    const found = await seen(stat(path), path, unseen);
    if (found !== null) files.push({ path, kind, mode: found.mode & 0o7777, uid: found.uid, ownerUid });
  };
  const stateOwner = (await seen(stat(state), state, unseen))?.uid ?? null;
  const keysOwner = (await seen(stat(keysFolder), keysFolder, unseen))?.uid ?? null;
  for (const folder of new Set([
    dirname(config),
    state,
    join(state, "identities"),
    join(state, "vaults"),
    keysFolder,
  ])) {
    await look(folder, "folder", null);
  }
  for (const token of tokens) await look(token, "secret", stateOwner);
  const keys = (await seen(readdir(join(state, "vaults")), join(state, "vaults"), unseen)) ?? [];
  for (const name of keys.filter((each) => each.endsWith(".key"))) {
    await look(join(state, "vaults", name), "secret", stateOwner);
  }
  await look(keyFile, "secret", keysOwner);
  await look(join(keysFolder, "keys.db"), "secret", keysOwner);
  if (passphraseFile !== null) await look(passphraseFile, "secret", null);
  return files;
}

/** Key files of this host that open vaults. */
export async function vaultKeyFiles(state: string): Promise<string[]> {
  const names = (await seen(readdir(join(state, "vaults")), state, [])) ?? [];
  return names.filter((name) => name.endsWith(".key")).map((name) => join(state, "vaults", name));
}

/** How much room there is where Lockstep writes. A vault should have a fiftieth of its file system free, from 1 to 64 GiB. */
export async function readRoom({ state, keysFolder, vault }: OwnPlaces, unseen: Unseen): Promise<readonly Room[]> {
  const room: Room[] = [];
  const look = async (what: string, path: string, wanted: (sizeBytes: number) => number): Promise<void> => {
    const found = await seen(statfs(path), path, unseen);
    if (found === null) return;
    const { bavail, blocks, bsize } = found;
    room.push({ what, path, freeBytes: bavail * bsize, wantedBytes: wanted(blocks * bsize) });
  };
  if (vault !== null) await look("the vault", vault, (size) => Math.min(64 * GIB, Math.max(GIB, size / 50)));
  await look("the state folder", state, () => 256 * MIB);
  await look("the key store", keysFolder, () => 256 * MIB);
  return room;
}

/** Whether what is in memory may come to lie on a disk (proc(5), /proc/swaps; getrlimit(2)). */
export async function readMemory(unseen: Unseen): Promise<Pick<HostFacts, "coreLimit" | "swaps">> {
  const limits = (await seen(readFile("/proc/self/limits", "utf8"), "/proc/self/limits", unseen)) ?? "";
  const coreLimit = /^Max core file size +(\S+)/m.exec(limits)?.[1] ?? "0";
  const text = (await seen(readFile("/proc/swaps", "utf8"), "/proc/swaps", unseen)) ?? "";
  const names = text
    .split("\n")
    .slice(1)
    .flatMap((line) => (line === "" ? [] : [unescapePath(line.split(/\s/)[0] ?? "")]));
  const swaps: { name: string; isEncrypted: boolean }[] = [];
  // zram keeps what it gets in memory.
  for (const name of names.filter((each) => !basename(each).startsWith("zram"))) {
    const storage = await seen(storageBelow(name), name, unseen);
    if (storage !== null) swaps.push({ name, isEncrypted: storage.isEncrypted });
  }
  return { coreLimit, swaps };
}

/** Whether systemd-timesyncd has set the clock since the start (its file `synchronized`); null where it does not run. */
export async function readSynchronised(unseen: Unseen): Promise<boolean | null> {
  const folder = "/run/systemd/timesync";
  const names = await seen(readdir(folder), folder, []);
  if (names === null) {
    unseen.push("whether the clock is synchronised: systemd-timesyncd does not run here, and others are not asked");
    return null;
  }
  return names.includes("synchronized");
}

/** What was asked for; null where it is not there, or this user may not look: then that is added to `unseen`. */
async function seen<T>(asked: Promise<T>, path: string, unseen: Unseen): Promise<T | null> {
  try {
    return await asked;
  } catch (error) {
    const code = systemErrorName(error);
    if (code === null) throw error;
    if (code !== "ENOENT" && code !== "ENOTDIR") unseen.push(`${path}: ${code}`);
    return null;
  }
}
