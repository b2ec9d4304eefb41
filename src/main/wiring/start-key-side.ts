import { spawn } from "node:child_process";
import { readFile, stat } from "node:fs/promises";
import { getCompileCacheDir } from "node:module";
import { connect } from "node:net";
import { dirname } from "node:path";
import { performance } from "node:perf_hooks";
import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { z } from "zod";

import type { Config } from "#cli/app/settings.ts";
import { isSystemError } from "#cli/files/key-files.ts";
import { wasNotSent } from "#client/key-client.ts";
import type { KeyClient } from "#client/key-client.ts";
import { throwIfCancelled } from "#errors/cancelled.ts";
import { LockstepError, codes } from "#errors/errors.ts";
import type { ErrorCode } from "#errors/errors.ts";
import type { Environment } from "#main/config/environment.ts";
import { keyPaths } from "#main/wiring/key-paths.ts";
import type { KeyPaths } from "#main/wiring/key-paths.ts";

/** How long a key side may take until it answers: a passphrase is not asked for, so it is Node's start and the database's. */
const START_MS = 30_000;
const LOOK_MS = 25;

const program = fileURLToPath(new URL("../lockstep.ts", import.meta.url));

/** Of Node, as `bin/lockstep` starts it: a large young generation, for reports of thousands of points. */
export const keySideFlags = [
  "--disable-warning=ExperimentalWarning",
  "--min-semi-space-size=64",
  "--max-semi-space-size=64",
];

/** Asks through `client`, and starts the key side of this host where it does not run: also when it has ended since the last call. */
export function startingClient(client: KeyClient, config: Config, environment: Environment): KeyClient {
  return {
    async call(name, input, signal) {
      try {
        return await client.call(name, input, signal);
      } catch (error) {
        if (!wasNotSent(error)) throw error;
      }
      await startKeySide(config, environment, signal);
      return client.call(name, input, signal);
    },
  };
}

/**
 * Starts the key side of the key store that is configured, unless it runs, and waits until it answers. Several may do so at once:
 * one key side comes of it.
 *
 * @throws {LockstepError} KEY_STORE_MISSING: there is no key store; KEY_SIDE_UNREACHABLE: the store is another user's, who has to
 *   start it, or it did not start; CANCELLED; and what `keystore serve` failed with
 */
async function startKeySide(config: Config, environment: Environment, signal: AbortSignal): Promise<void> {
  const paths = keyPaths(config);
  await refuseForeign(paths);
  const deadline = performance.now() + START_MS;
  let started: Started | null = null;
  while (performance.now() < deadline) {
    throwIfCancelled(signal);
    if (await answers(paths.socket)) return started?.leave(await holderOf(paths.lock));
    started ??= start(config, environment);
    const { failure } = started;
    if (failure !== null) {
      if (failure.code !== "KEY_STORE_BUSY") throw failure;
      // Another one is starting, or ending.
      started = null;
    }
    await setTimeout(LOOK_MS);
  }
  started?.leave(null);
  throw new LockstepError("KEY_SIDE_UNREACHABLE", `starting the key side: it does not answer at ${paths.socket}`, {
    hint: `Its log may say why: ${paths.log}.`,
  });
}

/** A key store of another user is his to start: this user could not read it, or would leave files that he cannot. */
async function refuseForeign({ folder, socket }: KeyPaths): Promise<void> {
  let owner: number;
  try {
    owner = (await stat(folder)).uid;
  } catch (error) {
    if (!isSystemError(error, "ENOENT")) throw error;
    throw new LockstepError("KEY_STORE_MISSING", `asking the key side: there is no key store ${folder}`, {
      hint:
        "`[keys]` in the configuration says where it is. `lockstep recover` brings it back from a copy, `lockstep keystore init` " +
        "makes one for a vault that has none.",
      cause: error,
    });
  }
  if (owner === process.geteuid?.()) return;
  throw new LockstepError("KEY_SIDE_UNREACHABLE", `asking the key side: nobody answers at ${socket}`, {
    hint: "The key store is another user's: start its service.",
  });
}

function answers(socketPath: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(socketPath);
  socket.once("connect", () => resolve(true));
  socket.once("error", () => resolve(false));
  return promise.finally(() => socket.destroy());
}

/** A key side that is starting. */
type Started = {
  /** Why it ended; null while it runs. */
  readonly failure: LockstepError | null;
  /**
   * Lets it live on by itself, unless another one has the key store: it would have it next, when nobody needs it.
   *
   * @param holder  the process that has the key store; null where that is unknown
   */
  leave(holder: number | null): void;
};

/** The process that has a key store, by its lock; null where it is not told. */
async function holderOf(lock: string): Promise<number | null> {
  try {
    return Number(await readFile(lock, "utf8")) || null;
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return null;
    throw error;
  }
}

function start(config: Config, environment: Environment): Started {
  const idleSeconds = Math.ceil(config.keysIdleMinutes.value * 60);
  const words = ["keystore", "serve", "--until-idle", String(idleSeconds), "--json"];
  const child = spawn(process.execPath, [...keySideFlags, program, ...words], {
    cwd: "/",
    env: variables(config, environment),
    stdio: ["ignore", "pipe", "ignore"],
    // A session of its own: neither the terminal's interrupt nor its end is meant for it.
    detached: true,
  });
  let failure: LockstepError | null = null;
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (piece: string) => (said += piece));
  child.once("close", (status) => (failure = failureOf(said, status)));
  child.once("error", (cause) => {
    failure = new LockstepError("KEY_SIDE_UNREACHABLE", `starting the key side: ${cause.message}`, { cause });
  });
  return {
    get failure() {
      return failure;
    },
    leave: (holder) => {
      if (holder !== null && holder !== child.pid) child.kill("SIGTERM");
      child.stdout.destroy();
      child.unref();
    },
  };
}

/** What it needs to find the same configuration and state, and nothing else of this process' environment. */
function variables(config: Config, { home, configHome }: Environment): Record<string, string> {
  const compiled = getCompileCacheDir();
  return {
    HOME: home,
    XDG_CONFIG_HOME: configHome,
    LOCKSTEP_STATE_DIR: config.state.value,
    ...(config.config.from === "default" ? {} : { LOCKSTEP_CONFIG: config.config.value }),
    ...(compiled === undefined ? {} : { NODE_COMPILE_CACHE: dirname(compiled) }),
  };
}

const failed = z.object({ error: z.object({ code: z.string(), message: z.string(), hint: z.string().optional() }) });

/** What `--json` said of a key side that ended before it answered. */
function failureOf(said: string, status: number | null): LockstepError {
  try {
    const { code, message, hint } = failed.parse(JSON.parse(said)).error;
    if (Object.hasOwn(codes, code)) return new LockstepError(code as ErrorCode, message, { hint });
    return new LockstepError("KEY_SIDE_UNREACHABLE", `starting the key side: ${message}`, { hint });
  } catch {
    return new LockstepError("KEY_SIDE_UNREACHABLE", `starting the key side: it ended with status ${status}`);
  }
}
