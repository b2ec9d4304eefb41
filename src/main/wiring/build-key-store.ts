import { readFile, rename, rm, stat, unlink } from "node:fs/promises";
import { join } from "node:path";

import type { Secret } from "#bytes/secret.ts";
import type { App, HostSeal, MadeKeyStore, NewKeyStore } from "#cli/app/app.ts";
import type { Config } from "#cli/app/settings.ts";
import { replaceFile } from "#cli/files/durable-file.ts";
import { createKeyFile, isSystemError } from "#cli/files/key-files.ts";
import { makeFolder } from "#cli/files/make-folder.ts";
import { LockstepError } from "#errors/errors.ts";
import { addIdentity, newToken } from "#keys/access/identities.ts";
import type { KeyStore, KeyStoreDeps } from "#keys/key-store.ts";
import type { NewSeal } from "#keys/store/seal.ts";
import { hostCredentialPath, sealToHost } from "#main/wiring/host-credential.ts";
import { keyPaths } from "#main/wiring/key-paths.ts";
import type { KeyPaths } from "#main/wiring/key-paths.ts";
import { lockKeyStore } from "#main/wiring/key-store-lock.ts";
import { createToken, tokenPath } from "#main/wiring/tokens.ts";
import { openKeyDeriver } from "#ops/volumes/key-deriver.ts";
import { newFileKey } from "#vault/keyring/key-file.ts";
import { defaultCostLimit } from "#volume/header/kdf-cost.ts";

/** The identities of this host that a key store gets when it is made. */
const firstRoles = ["custodian", "backup"] as const;
type FirstRole = (typeof firstRoles)[number];

/** See `App.refuseKeyStore`. Of two that begin at once, only one ends well all the same. */
export async function refuseExisting(config: Config): Promise<void> {
  const paths = keyPaths(config);
  const { database } = paths;
  if (await isThere(database)) {
    throw new LockstepError("KEY_STORE_EXISTS", `making a key store: ${database} is one already`, {
      hint: "Use it, or name another folder by `[keys] folder` in the configuration.",
    });
  }
  const unfinished = await readUnfinished(paths);
  for (const role of firstRoles) {
    const path = tokenPath(config.state.value, role);
    if (!unfinished.includes(path) && (await isThere(path))) throw tokenThere(path);
  }
}

/** Where it is written down what is being made besides the database, until the database has its name. */
function unfinishedList({ folder }: Pick<KeyPaths, "folder">): string {
  return join(folder, "unfinished");
}

/** The files that a making that was killed may have left; empty where none was. */
async function readUnfinished(paths: Pick<KeyPaths, "folder">): Promise<readonly string[]> {
  try {
    const text = await readFile(unfinishedList(paths), "utf8");
    return text.split("\n").filter((path) => path !== "");
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return [];
    throw error;
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return false;
    throw error;
  }
}

function tokenThere(path: string, cause?: unknown): LockstepError {
  return new LockstepError("KEY_STORE_EXISTS", `making a key store: this host has a token already: ${path}`, {
    hint: "It is of another key store, or of one that was never finished. Move it away, or use another state folder.",
    cause,
  });
}

/** What a key store is made of. */
export type StoreBuilder<Built> = {
  /** Makes the database, of which nothing is there; it is open. */
  readonly create: (path: string, seals: readonly NewSeal[], deps: KeyStoreDeps) => Promise<KeyStore>;
  /**
   * Does what else must be done before there is a key store; if it throws, everything is taken back.
   *
   * @param addIdentities  to be called inside a transaction; gives their names
   */
  readonly finish: (store: KeyStore, addIdentities: () => Readonly<Record<FirstRole, string>>) => Promise<Built>;
};

/**
 * Makes the key store that is configured, with a custodian and a backup identity of this host.
 *
 * The database gets its name last: until then there is no key store, and what was made is taken away again: by the next one who makes a
 * key store here, where this process is killed.
 *
 * @throws {LockstepError} as `App.makeKeyStore`, and what the builder throws
 */
export async function buildKeyStore<Built>(
  app: App,
  { seals, host: kept }: Pick<NewKeyStore, "seals" | "host">,
  builder: StoreBuilder<Built>,
): Promise<Built & Omit<MadeKeyStore, "signingKey">> {
  const { config, random, now, host } = app;
  const paths = keyPaths(config);
  await refuseExisting(config);
  await makeFolder(paths.folder);
  await using _lock = await lockKeyStore(paths);
  await refuseExisting(config); // somebody else may have made one before the lock was ours
  await using kdf = openKeyDeriver(defaultCostLimit);

  const unfinished = `${paths.database}.new`;
  for (const path of await readUnfinished(paths)) await rm(path, { force: true });
  await removeDatabase(unfinished);
  const tokenPaths = firstRoles.map((role) => tokenPath(config.state.value, role));
  const keptAt = kept === "credential" ? hostCredentialPath(paths) : paths.keyFile;
  const ownFile = kept === null ? null : keptAt;
  const isOwnThere = ownFile !== null && (await isThere(ownFile)); // then it is another's, and making it fails
  const planned = ownFile === null || isOwnThere ? tokenPaths : [...tokenPaths, ownFile];
  await replaceFile(unfinishedList(paths), planned.map((path) => `${path}\n`).join(""), 0o600);
  const made: string[] = [];
  try {
    using secret = newFileKey(random);
    const { keyFile, sealedBy } = await keepSecret(kept, paths, secret);
    if (keyFile !== null) made.push(keyFile);
    const kind = kept === "credential" ? "host-credential" : "key-file";
    const ownSeal = { label: `host ${host.name}`, secret: { kind, secret } } as const;
    const tokens = firstRoles.map((role) => ({
      role,
      token: newToken(random),
      path: tokenPath(config.state.value, role),
    }));
    for (const { path, token } of tokens) {
      await createNewToken(path, token);
      made.push(path);
    }
    const built = await buildIn(unfinished, builder, {
      seals: kept === null ? seals : [...seals, ownSeal],
      deps: { now, steadyMs: () => performance.now(), random, kdf },
      addIdentities: (store) => {
        const names = tokens.map(({ role, token }) => [role, addFirst(store, role, host.name, token)] as const);
        return Object.fromEntries(names) as Record<FirstRole, string>;
      },
    });
    await rm(unfinishedList(paths));
    await rename(unfinished, paths.database);
    return {
      ...built,
      folder: paths.folder,
      keyFile,
      sealedBy,
      tokenFiles: tokens.map(({ path }) => path),
    };
  } catch (error) {
    for (const path of made) await unlink(path);
    await removeDatabase(unfinished);
    await rm(unfinishedList(paths), { force: true });
    throw error;
  }
}

/** Keeps what opens the store on this host. @returns the file; null where nothing is kept */
async function keepSecret(
  kept: NewKeyStore["host"],
  paths: KeyPaths,
  secret: Secret,
): Promise<{ readonly keyFile: string | null; readonly sealedBy: HostSeal | null }> {
  if (kept === null) return { keyFile: null, sealedBy: null };
  if (kept === "credential") {
    const path = hostCredentialPath(paths);
    return { keyFile: path, sealedBy: await sealToHost(path, secret) };
  }
  await createKeyFile(paths.keyFile, secret, [`Opens the key store of Lockstep in ${paths.folder}.`]);
  return { keyFile: paths.keyFile, sealedBy: null };
}

/** Makes the database, whole, and closes it. */
async function buildIn<Built>(
  path: string,
  { create, finish }: StoreBuilder<Built>,
  how: {
    readonly seals: readonly NewSeal[];
    readonly deps: KeyStoreDeps;
    readonly addIdentities: (store: KeyStore) => Readonly<Record<FirstRole, string>>;
  },
): Promise<Built & { readonly id: string }> {
  using store = await create(path, how.seals, how.deps);
  return { ...(await finish(store, () => how.addIdentities(store))), id: store.facts().id };
}

/** Adds an identity of this host, by another name where the store had one of this before it was recovered. */
function addFirst(store: KeyStore, role: FirstRole, host: string, token: string): string {
  const plain = `${role}@${host}`;
  const isTaken = store.db.prepare("SELECT 1 FROM identities WHERE name = ?").get(plain) !== undefined;
  const name = isTaken ? `${plain} since epoch ${store.facts().epoch}` : plain;
  addIdentity(store, { name, role, token, expiresMs: null });
  return name;
}

async function removeDatabase(path: string): Promise<void> {
  for (const each of [path, `${path}-wal`, `${path}-shm`]) await rm(each, { force: true });
}

async function createNewToken(path: string, token: string): Promise<void> {
  try {
    await createToken(path, token);
  } catch (error) {
    if (!isSystemError(error, "EEXIST")) throw error;
    throw tokenThere(path, error);
  }
}
