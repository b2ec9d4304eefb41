import { execFile } from "node:child_process";
import { lstat, readFile, readlink, stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

import { systemErrorName } from "#disk/system-error.ts";
import { LockstepError, messageOf } from "#errors/errors.ts";
import { layout, unitNames } from "#ops/setup/setup-layout.ts";
import { homeLinks, setupFolders } from "#ops/setup/setup-plan.ts";
import type { FolderFacts, SetupFound } from "#ops/setup/setup-plan.ts";

const { backupUser, keysUser, linkGroup, backupHome, keysHome } = layout;

/** Where the programs of a system administrator are, whatever the caller's path is. */
export const systemPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** The file that holds what systemd has to hand to the key side; only there where the key store was made so. */
const credentialPath = join(keysHome, "lockstep-key-store.cred");

/**
 * Looks at what `setup system` has done on this host.
 *
 * @param vault  its folder; null: none
 * @throws {LockstepError} SYSTEM_CALL_FAILED: a program of the system is missing; what the system refuses to show
 */
export async function readSetup(vault: string | null): Promise<SetupFound> {
  const users = new Map<string, number>([["root", 0]]);
  for (const user of [backupUser, keysUser]) {
    const line = await ask("getent", "passwd", user);
    if (line !== null) users.set(user, Number(line.split(":")[2]));
  }
  const groups = new Map<string, number>([["root", 0]]);
  let linkMembers: readonly string[] = [];
  for (const group of [backupUser, keysUser, linkGroup]) {
    const line = await ask("getent", "group", group);
    const [, , id, members = ""] = line?.split(":") ?? [];
    if (id !== undefined) groups.set(group, Number(id));
    if (group === linkGroup) linkMembers = members.split(",");
  }
  const folderFacts = async (path: string): Promise<FolderFacts | null> => {
    const found = await orNull(stat(path));
    if (found === null) return null;
    return { owner: nameOf(users, found.uid), group: nameOf(groups, found.gid), mode: found.mode & 0o7777 };
  };
  const folders = new Map<string, FolderFacts | null>();
  for (const path of [...setupFolders.keys(), ...(vault === null ? [] : [vault])]) {
    folders.set(path, await folderFacts(path));
  }
  const systemdRuns = (await orNull(stat("/run/systemd/system"))) !== null;
  return {
    users: [...users.keys()],
    hasLinkGroup: groups.has(linkGroup),
    linkMembers,
    folders,
    units: new Map(await Promise.all(unitNames.map(async (name) => [name, await textOf(name)] as const))),
    hasConfig: (await orNull(stat(layout.config))) !== null,
    links: await linksThatLead(),
    ofRoot: await ofRoot([backupHome, keysHome, ...(vault === null ? [] : [vault])]),
    custodianTokenAstray: await custodianTokenAstray(),
    rootsKeySide: await rootsKeySide(),
    keystoreOwner: vault === null ? null : await ownerOf(users, join(vault, "keystore")),
    hasKeyStore: (await orNull(stat(join(keysHome, "keys.db")))) !== null,
    systemdRuns,
    enabled: systemdRuns ? await enabledUnits() : [],
    keySideRuns: systemdRuns && (await ask("systemctl", "is-active", "lockstep-keys.service")) === "active",
  };
}

/** Whether a credential of this host opens the key store. */
export async function hasCredential(): Promise<boolean> {
  return (await orNull(stat(credentialPath))) !== null;
}

async function textOf(unit: string): Promise<string | null> {
  return orNull(readFile(join(layout.units, unit), "utf8"));
}

async function linksThatLead(): Promise<string[]> {
  const links: string[] = [];
  for (const [path, target] of [...homeLinks(backupHome), ...homeLinks(keysHome)]) {
    if ((await orNull(readlink(path))) === target) links.push(path);
  }
  return links;
}

/** Folders that have something of root's in them; one that is not there has nothing. */
async function ofRoot(folders: readonly string[]): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  for (const folder of folders) {
    if ((await orNull(stat(folder))) === null) continue;
    const inside = await ask("find", folder, "-xdev", "-mindepth", "1", "-user", "root", "-print", "-quit");
    if (inside !== null && inside !== "") found.add(folder);
  }
  return found;
}

/** A token that root's `init` put into the state folder that is the backup side's from now on. */
async function custodianTokenAstray(): Promise<boolean> {
  const there = await orNull(lstat(join(backupHome, "identities/custodian.token")));
  return there?.isFile() === true && there.uid === 0;
}

/** The number in the lock file is believed only where that process is root's key side: another user can write there. */
async function rootsKeySide(): Promise<number | null> {
  const pid = Number(await orNull(readFile(join(keysHome, "lock"), "utf8")));
  if (!Number.isSafeInteger(pid) || pid <= 1) return null;
  const status = await orNull(readFile(`/proc/${pid}/status`, "utf8"));
  const words = await orNull(readFile(`/proc/${pid}/cmdline`, "utf8"));
  if (status === null || words === null) return null;
  return /^Uid:\t0\t0\t/m.test(status) && words.includes("keystore\0serve") ? pid : null;
}

async function enabledUnits(): Promise<SetupFound["enabled"]> {
  const states = await Promise.all(
    unitNames.map(async (name) => [name, (await ask("systemctl", "is-enabled", name)) === "enabled"] as const),
  );
  return states.filter(([, isEnabled]) => isEnabled).map(([name]) => name);
}

const execute = promisify(execFile);

/** What a program says; null where its status says no. */
async function ask(program: string, ...words: readonly string[]): Promise<string | null> {
  try {
    const { stdout } = await execute(program, words, { env: { PATH: systemPath, LC_ALL: "C" } });
    return stdout.trim();
  } catch (error) {
    if (error instanceof Error && "code" in error && typeof error.code === "number") return null;
    throw new LockstepError("SYSTEM_CALL_FAILED", `asking ${program} of this host failed: ${messageOf(error)}`, {
      hint: "`lockstep setup system` is for Debian and its like.",
      cause: error,
    });
  }
}

/** The owner's name, of a link that of the link itself; null where nothing is there. */
async function ownerOf(users: ReadonlyMap<string, number>, path: string): Promise<string | null> {
  const found = await orNull(lstat(path));
  return found === null ? null : nameOf(users, found.uid);
}

function nameOf(names: ReadonlyMap<string, number>, id: number): string {
  return [...names].find(([, each]) => each === id)?.[0] ?? String(id);
}

/** Null where it is not there, is of another kind, or may not be looked at, which happens to others than root only. */
async function orNull<T>(asked: Promise<T>): Promise<T | null> {
  try {
    return await asked;
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "EINVAL", "ESRCH", "EACCES"].includes(systemErrorName(error) ?? "")) return null;
    throw error;
  }
}
