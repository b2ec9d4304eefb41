import { join } from "node:path";

import { layout, newConfig, unitNames } from "#ops/setup/setup-layout.ts";
import type { UnitName } from "#ops/setup/setup-layout.ts";

/** Something that `setup system` does. */
export type SetupStep = {
  /** Why, for a person. */
  readonly why: string;
  readonly act:
    | { readonly kind: "run"; readonly words: readonly [program: string, ...string[]] }
    | { readonly kind: "write"; readonly path: string; readonly text: string };
};

export type FolderFacts = { readonly owner: string; readonly group: string; readonly mode: number };

/** What is there already. */
export type SetupFound = {
  readonly users: readonly string[];
  readonly hasLinkGroup: boolean;
  readonly linkMembers: readonly string[];
  /** Folders by their paths; null: not there. */
  readonly folders: ReadonlyMap<string, FolderFacts | null>;
  /** What each unit's file says; null: not there. */
  readonly units: ReadonlyMap<UnitName, string | null>;
  readonly hasConfig: boolean;
  /** Links in the homes by which commands of the two users find configuration and state. */
  readonly links: readonly string[];
  /** Which of home, key store and vault have something of root's in it, as commands that root ran leave it. */
  readonly ofRoot: ReadonlySet<string>;
  /** Root's `init` left the custodian's token with the backup side. */
  readonly custodianTokenAstray: boolean;
  /** A key side that runs as root, as `init` starts it; null: none does. */
  readonly rootsKeySide: number | null;
  /** Who has the vault's folder for copies of the key store; null: there is none. */
  readonly keystoreOwner: string | null;
  readonly hasKeyStore: boolean;
  readonly systemdRuns: boolean;
  readonly enabled: readonly UnitName[];
  /** The service of the key side runs. */
  readonly keySideRuns: boolean;
};

/** What is wanted. */
export type SetupWish = {
  /** A local folder; null: none is configured, or it is no folder of this host. */
  readonly vault: string | null;
  readonly units: ReadonlyMap<UnitName, string>;
};

const { backupUser, keysUser, linkGroup, backupHome, keysHome, config } = layout;
const keysUnit = "lockstep-keys.service" satisfies UnitName;
const runtime = `/run/${layout.runtime}`;

/** The folders that it makes, with owner, group and mode. */
export const setupFolders: ReadonlyMap<string, FolderFacts> = new Map([
  ["/etc/lockstep", { owner: "root", group: "root", mode: 0o755 }],
  [backupHome, { owner: backupUser, group: backupUser, mode: 0o700 }],
  [keysHome, { owner: keysUser, group: keysUser, mode: 0o700 }],
  [runtime, { owner: keysUser, group: linkGroup, mode: 0o750 }],
]);

const sides = [
  { user: backupUser, home: backupHome, whose: "the backup side" },
  { user: keysUser, home: keysHome, whose: "the key side" },
] as const;

/** The links in a home that lead commands of its user to configuration and state, by where they lie. */
export function homeLinks(home: string): ReadonlyMap<string, string> {
  return new Map([
    [join(home, ".config/lockstep/config.toml"), config],
    [join(home, ".local/state/lockstep"), home],
  ]);
}

/**
 * What is left to be done on a host so that the two sides run apart: nothing, where all of it is done. The order matters: a later step
 * takes what an earlier one made.
 *
 * Nothing that is there is removed, and of files only the units are written over. What root's commands left in the folders of the two
 * users is given to them.
 */
export function planSetup(found: SetupFound, wish: SetupWish): readonly SetupStep[] {
  return [
    ...accounts(found),
    ...folders(found),
    ...configuration(found, wish),
    ...links(found),
    ...handOver(found),
    ...vaultHandOver(found, wish),
    ...services(found, wish),
  ];
}

function accounts({ users, hasLinkGroup, linkMembers }: SetupFound): SetupStep[] {
  const steps: SetupStep[] = [];
  if (!hasLinkGroup) {
    steps.push(run("the group of those who may reach the key side's socket", "groupadd", "--system", linkGroup));
  }
  for (const { user, home, whose } of sides) {
    if (users.includes(user)) continue;
    const how = ["--system", "--user-group", "--home-dir", home, "--no-create-home", "--shell", "/usr/sbin/nologin"];
    steps.push(run(`the user of ${whose}`, "useradd", ...how, user));
  }
  if (!linkMembers.includes(backupUser)) {
    steps.push(run("the backup side may ask the key side", "usermod", "--append", "--groups", linkGroup, backupUser));
  }
  return steps;
}

function folders(found: SetupFound): SetupStep[] {
  return [...setupFolders].flatMap(([path, { owner, group, mode }]) => {
    const is = found.folders.get(path) ?? null;
    if (is?.owner === owner && is.group === group && is.mode === mode) return [];
    const permissions = mode.toString(8).padStart(4, "0");
    return [run(`a folder of ${owner}`, "install", "-d", "-o", owner, "-g", group, "-m", permissions, path)];
  });
}

function configuration({ hasConfig }: SetupFound, { vault }: SetupWish): SetupStep[] {
  return hasConfig ? [] : [write("the configuration of both sides", config, newConfig(vault))];
}

/** Made as the user: in his folder, root follows nothing that he may have put there. */
function links(found: SetupFound): SetupStep[] {
  return sides.flatMap(({ user, home, whose }) => {
    const missing = [...homeLinks(home)].filter(([path]) => !found.links.includes(path));
    if (missing.length === 0) return [];
    const as = ["runuser", "-u", user, "--"] as const;
    return [
      run("a folder for links", ...as, "mkdir", "-p", join(home, ".config/lockstep"), join(home, ".local/state")),
      ...missing.map(([path, target]) =>
        run(`commands of ${whose} find its configuration and state`, ...as, "ln", "-s", target, path),
      ),
    ];
  });
}

/**
 * What root's commands left goes to its side. A key side that was taken over could lead the token elsewhere by a link, and gains nothing
 * by it: the token is its own.
 */
function handOver({ rootsKeySide, custodianTokenAstray, ofRoot }: SetupFound): SetupStep[] {
  const steps: SetupStep[] = [];
  if (rootsKeySide !== null) {
    const pid = String(rootsKeySide);
    steps.push(
      run("the key side that root started ends, so that its service can take over", "kill", "-TERM", pid),
      run("wait until it has ended", "timeout", "60", "tail", `--pid=${pid}`, "-f", "/dev/null"),
    );
  }
  if (custodianTokenAstray) {
    const [from, to] = [join(backupHome, "identities"), join(keysHome, "identities")];
    steps.push(
      run("a folder for tokens", "runuser", "-u", keysUser, "--", "mkdir", "-p", "-m", "0700", to),
      run("a custodian is on the key side", "mv", "-n", join(from, "custodian.token"), join(to, "custodian.token")),
    );
  }
  if (custodianTokenAstray || ofRoot.has(keysHome)) {
    steps.push(chown(`${keysUser}:${keysUser}`, keysHome, "what root made on the key side is its own"));
  }
  if (ofRoot.has(backupHome)) {
    steps.push(chown(`${backupUser}:${backupUser}`, backupHome, "what root made on the backup side is its own"));
  }
  return steps;
}

/**
 * The vault is the backup side's. The key side writes its copies into it, in a folder of its own, by the store's folder for what is not
 * whole yet, in which each removes only what is his. As in the homes, root itself follows nothing here: what is not his to give is done
 * by the backup side's user, and mkdir(1) takes no link for a folder.
 */
function vaultHandOver({ ofRoot, folders: found, keystoreOwner }: SetupFound, { vault }: SetupWish): SetupStep[] {
  if (vault === null || !found.has(vault) || found.get(vault) === null) return [];
  const isDone = !ofRoot.has(vault) && found.get(vault)?.group === linkGroup && keystoreOwner === keysUser;
  if (isDone) return [];
  const copies = join(vault, "keystore");
  const as = ["runuser", "-u", backupUser, "--"] as const;
  return [
    ...(keystoreOwner === null ? [run("the key side's part of the vault", "mkdir", "-m", "0750", copies)] : []),
    chown(`${keysUser}:${backupUser}`, copies, "copies of the key store are the key side's"),
    chown(`${backupUser}:${backupUser}`, vault, "the vault is the backup side's"),
    run("both write there", ...as, "install", "-d", "-g", linkGroup, "-m", "1770", join(vault, ".tmp")),
    run("the key side reaches its part", ...as, "chgrp", linkGroup, vault),
    run("and nobody else anything", ...as, "chmod", "0750", vault),
  ];
}

function services(found: SetupFound, { units }: SetupWish): SetupStep[] {
  const { systemdRuns, enabled, hasKeyStore, keySideRuns } = found;
  const changed = [...units].filter(([name, text]) => found.units.get(name) !== text);
  const steps = changed.map(([name, text]) => write("a unit of systemd", join(layout.units, name), text));
  if (!systemdRuns) return steps;
  if (changed.length > 0) steps.push(run("systemd reads the units", "systemctl", "daemon-reload"));
  const toEnable = unitNames.filter((name) => name !== "lockstep-backup.service" && !enabled.includes(name));
  if (toEnable.length > 0) {
    steps.push(run("they start with the host, and what can start now", "systemctl", "enable", "--now", ...toEnable));
  }
  const isOutdated = changed.some(([name]) => name === keysUnit);
  if (hasKeyStore && (!keySideRuns || isOutdated)) {
    steps.push(run("there is a key store to serve", "systemctl", "restart", keysUnit));
  }
  return steps;
}

function run(why: string, program: string, ...words: readonly string[]): SetupStep {
  return { why, act: { kind: "run", words: [program, ...words] } };
}

/** Changes the owner of what is root's. It walks by descriptors and follows no link: what a user swaps meanwhile leads it nowhere else. */
function chown(to: string, folder: string, why: string): SetupStep {
  return run(why, "chown", "-R", "-h", "-P", "--from=root", to, folder);
}

function write(why: string, path: string, text: string): SetupStep {
  return { why, act: { kind: "write", path, text } };
}
