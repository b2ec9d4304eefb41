import { spawn } from "node:child_process";
import type { ChildProcessByStdio } from "node:child_process";
import { getCompileCacheDir } from "node:module";
import { dirname } from "node:path";
import process from "node:process";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";

import type { Secret } from "#bytes/secret.ts";
import { throwIfCancelled } from "#errors/cancelled.ts";
import { LockstepError } from "#errors/errors.ts";
import { ANSWER_BYTES_MAX, MessageReader, readAnswer, writeRequest } from "#kdf/kdf-message.ts";
import type { KdfAnswer } from "#kdf/kdf-message.ts";
import type { KdfRequest, KeyDeriver } from "#volume/header/kdf.ts";

/** What each derivation may take; at its end its process is killed. */
export type KdfProcessLimits = {
  /** On top of what Node itself takes. */
  readonly memoryMiB: number;
  /** By the clock, from when it is asked for. Machines differ from the estimate of `costOf`: leave room. */
  readonly seconds: number;
};

/** What Node has before any derivation, counted as the kernel does for RLIMIT_DATA: 575 MiB in Node 26, 512 of them never touched. */
const NODE_MIB = 768;

/** A longer timer goes off at once. 25 days. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/**
 * Sets limits and then becomes the program. No core file, and no memory in one that is written all the same (core(5),
 * "Controlling which mappings are written"); when memory runs out, this process is the one to be killed. Where a limit can not be set the
 * machine's own is lower.
 */
const LIMITED = `ulimit -c 0
ulimit -d "$1"
echo 0 >/proc/self/coredump_filter
echo 1000 >/proc/self/oom_score_adj
shift
exec "$@"`;

/**
 * No huge pages here, other than in the program itself: argon2 takes a tenth less processor time with them, but in a virtual machine
 * that gives free memory back to its host, getting a gigabyte of them takes longer than that saves.
 */
const MALLOC = "glibc.malloc.hugetlb=0";

const childPath = fileURLToPath(new URL("./kdf-child.ts", import.meta.url));

/**
 * Derives keys, each in a process of its own that is killed afterwards: that is what wipes the copies of the secret which the
 * library made, what bounds memory and time, and what can be stopped. Nothing secret is in its arguments or environment.
 *
 * Several derivations may run at once; each has the limits for itself. Does not weigh the cost: see `refuseCost`. Disposing of it
 * stops those that run, which then fail with CANCELLED, and ends the processes that wait for one.
 *
 * @param ahead  so many processes are started at once, for the first derivations: starting one takes as long as reading a
 *   header. Those that are never used cost that for nothing
 *
 * `derive` throws KDF_FAILED: no process could be started, it was killed, or it ran out of memory or time · VOLUME_UNSUPPORTED:
 * the derivation is not defined for such numbers, or not known here · CANCELLED.
 */
export function kdfProcess(limits: KdfProcessLimits, ahead = 0): KeyDeriver & AsyncDisposable {
  const closing = new AbortController();
  const running = new Set<Promise<unknown>>();
  const waiting = new Set<Started>();
  for (let count = 0; count < ahead; count++) {
    const started = start(limits);
    waiting.add(started);
    void started.ended.then(() => waiting.delete(started));
  }
  const take = (): Started => {
    const [first = start(limits)] = waiting;
    waiting.delete(first);
    return first;
  };
  return {
    async derive(request, secret, signal) {
      const either = AbortSignal.any([signal, closing.signal]);
      throwIfCancelled(either);
      const derived = deriveIn(take(), limits, request, secret, either);
      running.add(derived);
      try {
        return await derived;
      } finally {
        running.delete(derived);
      }
    },
    async [Symbol.asyncDispose]() {
      closing.abort();
      await Promise.allSettled([...running, ...Array.from(waiting, end)]);
    },
  };
}

type Child = ChildProcessByStdio<Writable, Readable, null>;

/** How a process ended, or that it could not be started, in words. */
type Ending = { readonly why: string; readonly cause?: unknown };

type Started = { readonly child: Child; readonly ended: Promise<Ending> };

/** Ends its process, whatever comes of it. */
async function deriveIn(
  started: Started,
  limits: KdfProcessLimits,
  request: KdfRequest,
  secret: Secret,
  signal: AbortSignal,
): Promise<Secret> {
  try {
    const answer = await answerOf(started, limits, request, secret, signal);
    if (answer.kind === "key") return answer.key;
    throw new LockstepError(answer.code, answer.message);
  } finally {
    await end(started);
  }
}

async function end({ child, ended }: Started): Promise<void> {
  child.kill("SIGKILL");
  await ended;
}

function start(limits: KdfProcessLimits): Started {
  const dataKiB = Math.ceil((limits.memoryMiB + NODE_MIB) * 1024);
  const program = [process.execPath, "--no-warnings", childPath];
  const child = spawn("/bin/sh", ["-c", LIMITED, "sh", String(dataKiB), ...program], {
    cwd: "/",
    env: { ...compileCache(), GLIBC_TUNABLES: MALLOC },
    stdio: ["pipe", "pipe", "ignore"],
    // A session of its own: the terminal's interrupt is the parent's to answer.
    detached: true,
  });
  // A failed write means that the process is gone; its exit says why.
  child.stdin.on("error", () => {});
  const { promise: ended, resolve } = Promise.withResolvers<Ending>();
  child.once("close", (code, killedBy) => resolve({ why: ending(code, killedBy, limits) }));
  child.on("error", (cause) => resolve({ why: `its process could not be started: ${cause.message}`, cause }));
  return { child, ended };
}

/** Where this process keeps what was compiled, which halves the time that the child takes to start; nothing where it does not. */
function compileCache(): Record<string, string> {
  const folder = getCompileCacheDir();
  return folder === undefined ? {} : { NODE_COMPILE_CACHE: dirname(folder) };
}

/** What the child answers; rejects when it does not, in time or at all. Leaves ending the child to the caller. */
async function answerOf(
  { child, ended }: Started,
  limits: KdfProcessLimits,
  request: KdfRequest,
  secret: Secret,
  signal: AbortSignal,
): Promise<KdfAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<KdfAnswer>();
  const failed = (why: string, cause?: unknown): void =>
    reject(new LockstepError("KDF_FAILED", `deriving a key by ${request.kind}: ${why}`, { cause }));

  const onAbort = (): void => reject(new LockstepError("CANCELLED", "Cancelled.", { cause: signal.reason }));
  signal.addEventListener("abort", onAbort, { once: true });
  const timer = setTimeout(
    () => failed(`it took longer than the ${limits.seconds} s that it was given`),
    Math.min(limits.seconds * 1000, TIMER_MS_MAX),
  );

  const reader = new MessageReader(ANSWER_BYTES_MAX);
  child.stdout.on("data", (piece: Buffer) => {
    try {
      const body = reader.add(piece);
      if (body === null) return;
      resolve(readAnswer(body));
      body.fill(0);
    } catch (error) {
      failed("its process gave an answer that is none", error);
    }
  });
  void ended.then(({ why, cause }) => failed(why, cause));

  const message = writeRequest(request, secret);
  child.stdin.write(message, () => message.fill(0));
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
    reader.wipe();
  }
}

function ending(code: number | null, killedBy: string | null, { memoryMiB }: KdfProcessLimits): string {
  const how = killedBy === null ? `ended with exit status ${code}` : `was ended by ${killedBy}`;
  return `its process ${how}: the machine may be short of memory, or it needs more than the ${memoryMiB} MiB that it was given`;
}
