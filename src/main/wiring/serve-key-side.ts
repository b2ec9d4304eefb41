import { rm, stat } from "node:fs/promises";
import { userInfo } from "node:os";
import { performance } from "node:perf_hooks";
import process from "node:process";
import { setTimeout } from "node:timers/promises";

import type { App, KeySideEnd, ServeKeySide } from "#cli/app/app.ts";
import { isSystemError, readKeyFile } from "#cli/files/key-files.ts";
import { LockstepError, isLockstepError, messageOf } from "#errors/errors.ts";
import { RefusalBudget } from "#keys/access/refusal-budget.ts";
import { signHead } from "#keys/audit/audit-heads.ts";
import { keepCopied } from "#keys/copies/copies-loop.ts";
import { KeyStore } from "#keys/key-store.ts";
import { passRunningDay } from "#keys/needs/running-day.ts";
import { ProofDesk } from "#keys/proofs/proof-desk.ts";
import { inTransaction } from "#keys/store/database.ts";
import type { SealSecret } from "#keys/store/seal.ts";
import { hideMemory } from "#linux/libc.ts";
import { readHostCredential } from "#main/wiring/host-credential.ts";
import { keyPaths } from "#main/wiring/key-paths.ts";
import type { KeyPaths } from "#main/wiring/key-paths.ts";
import { lockKeyStore } from "#main/wiring/key-store-lock.ts";
import { openStoreAt } from "#main/wiring/open-store.ts";
import { openKeyDeriver } from "#ops/volumes/key-deriver.ts";
import { Idle } from "#server/idle.ts";
import { keyServer, listenAt } from "#server/key-server.ts";
import { defaultCostLimit } from "#volume/header/kdf-cost.ts";

/** How often an idle key side looks whether it should end. */
const TICK_MS = 500;

/** How often the key side looks whether there is something to be copied. */
const COPY_TICK_MS = 1000;

/** How often it looks whether another day has begun. */
const DAY_TICK_MS = 60_000;

/** Whoever reached the socket before it was removed is let in within this time. */
const LAST_CALL_MS = 100;

/** Runs the key side of the key store that is configured, to its end: see `App.serveKeySide`. */
export async function serveConfiguredKeySide(
  app: App,
  { untilIdleMs, listening }: ServeKeySide,
  credentialsFolder: string | null,
): Promise<KeySideEnd> {
  const { config, now, random, signal, retry } = app;
  const paths = keyPaths(config);
  process.umask(0o077);
  hideMemory();
  await refuseMissing(paths);
  await using _lock = await lockKeyStore(paths);
  await using kdf = openKeyDeriver(defaultCostLimit);
  using store = KeyStore.open(paths.database, { now, steadyMs: () => performance.now(), random, kdf });
  const staysSealed = await openWithHostSecrets(store, app, credentialsFolder);

  using proofs = new ProofDesk({ store, kdf, costLimit: defaultCostLimit });
  const idle = new Idle(() => performance.now());
  const side = {
    store,
    kdf,
    costLimit: defaultCostLimit,
    proofs,
    refusals: new RefusalBudget(),
    openPlace: (place: string, stop: AbortSignal) => openStoreAt(place, retry, stop),
    user: userName(),
  };
  const server = keyServer(side, idle, paths.log);
  const ending = new AbortController();
  const failed = (error: unknown): void =>
    isLockstepError(error)
      ? server.log.warn({ code: error.code }, error.message)
      : server.log.error({ stack: error instanceof Error ? error.stack : String(error) }, "a bug in Lockstep");
  let copies: Promise<void> | null = null;
  passDay(store, failed);
  const days = setInterval(() => passDay(store, failed), DAY_TICK_MS);
  try {
    await listenAt(server, paths.socket);
    for (const why of staysSealed) server.log.warn(why);
    server.log.info({ socket: paths.socket, sealed: store.isSealed }, "the key side answers");
    listening(paths.socket);
    copies = keepCopied(side, { tickMs: COPY_TICK_MS, clock: () => performance.now(), failed }, ending.signal);
    const why = await ended(paths.socket, idle, untilIdleMs, signal);
    server.log.info({ why }, "the key side ends");
    return why;
  } finally {
    await server.close();
    // Who asked is gone, so what still runs stops soon; it must not find the database closed.
    await idle.quiet();
    clearInterval(days);
    ending.abort();
    await copies;
    signHead(store);
  }
}

/** Counts today as a day on which the key side ran: what nobody needs any more waits for such days. */
function passDay(store: KeyStore, failed: (error: unknown) => void): void {
  try {
    inTransaction(store.db, () => passRunningDay(store));
  } catch (error) {
    failed(error); // the next tick tries again
  }
}

/** Of this process' user; its number where the system has no name for it. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.geteuid?.());
  }
}

async function refuseMissing({ database, folder }: KeyPaths): Promise<void> {
  if ((await fileOrNull(database)) !== null) return;
  throw new LockstepError("KEY_STORE_MISSING", `opening the key store ${folder}: there is none`, {
    hint: "`lockstep recover` brings it back from a copy, `lockstep keystore init` makes one for a vault that has none.",
  });
}

/**
 * Opens the store with what this host has for it; it stays sealed where that does not open it.
 *
 * @returns  why not, in words, which was warned of
 */
async function openWithHostSecrets(store: KeyStore, app: App, credentialsFolder: string | null): Promise<string[]> {
  const { output, config, signal } = app;
  const reasons: string[] = [];
  for (const kind of ["host-credential", "key-file"] as const) {
    if (!store.isSealed || !store.seals().some((seal) => seal.kind === kind)) continue;
    try {
      const secret =
        kind === "key-file"
          ? await readKeyFile(config.keysKeyFile.value, (warning) => output.warn(warning))
          : await readHostCredential(credentialsFolder, keyPaths(config));
      if (secret === null) continue;
      using _wiped = secret;
      await store.unseal({ kind, secret } satisfies SealSecret, signal);
    } catch (error) {
      if (!isLockstepError(error, "KEY_STORE_REJECTED", "KEY_FILE_INVALID")) throw error;
      const message = `the key store stays sealed: ${messageOf(error)}`;
      output.warn({ code: "KEY_STORE_STAYS_SEALED", message });
      reasons.push(message);
    }
  }
  return reasons;
}

/** Resolves when the key side should end, to the reason. The socket is gone then, where it is for being idle. */
async function ended(socket: string, idle: Idle, untilIdleMs: number | null, signal: AbortSignal): Promise<KeySideEnd> {
  const own = await fileOrNull(socket);
  while (await sleep(untilIdleMs === null ? 2 ** 31 - 1 : Math.min(TICK_MS, untilIdleMs), signal)) {
    if (untilIdleMs === null) continue;
    // Nobody can reach it any more: somebody removed its folder.
    if ((await fileOrNull(socket))?.ino !== own?.ino) return "unreachable";
    if (idle.forMs() < untilIdleMs) continue;
    await rm(socket, { force: true });
    await sleep(LAST_CALL_MS, signal);
    await idle.quiet();
    return "idle";
  }
  return "stopped";
}

/** Whether it slept for all of the time. */
async function sleep(ms: number, signal: AbortSignal): Promise<boolean> {
  try {
    await setTimeout(ms, undefined, { signal });
    return true;
  } catch {
    return false;
  }
}

async function fileOrNull(path: string): Promise<{ readonly ino: number } | null> {
  try {
    return await stat(path);
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return null;
    throw error;
  }
}
