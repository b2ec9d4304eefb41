import { fork } from "node:child_process";
import { getCompileCacheDir } from "node:module";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

import { errorOf } from "#api/failure.ts";
import type { KitTargets, TriedKit, TypedShare } from "#cli/app/kit-tools.ts";
import { throwIfCancelled } from "#errors/cancelled.ts";
import { LockstepError } from "#errors/errors.ts";
import type { KitAnswer, KitRequest } from "#main/wiring/kit-message.ts";

const childPath = fileURLToPath(new URL("./kit-child.ts", import.meta.url));

/**
 * Has shares combined and tried in a process of its own, which is killed afterwards: that is what wipes the kit's secret and all that was
 * derived from it. It gets the shares over a pipe, answers with verdicts alone, and dies with this process.
 *
 * @param targets  places absolute
 * @throws {LockstepError} KIT_REJECTED: the shares do not go together; KIT_NOT_TRIED: the process could not be started or was killed;
 *   CANCELLED
 */
export async function tryInProcess(
  shares: readonly TypedShare[],
  targets: KitTargets,
  signal: AbortSignal,
): Promise<TriedKit> {
  throwIfCancelled(signal);
  const { promise, resolve, reject } = Promise.withResolvers<KitAnswer>();
  const failed = (why: string, cause?: unknown): void =>
    reject(new LockstepError("KIT_NOT_TRIED", `trying the kit: ${why}`, { cause }));
  const compiled = getCompileCacheDir();
  const child = fork(childPath, [], {
    cwd: "/",
    env: compiled === undefined ? {} : { NODE_COMPILE_CACHE: dirname(compiled) },
    execArgv: ["--no-warnings"],
    serialization: "advanced",
    stdio: ["ignore", "ignore", "inherit", "ipc"],
    // A session of its own: the terminal's interrupt is the parent's to answer.
    detached: true,
  });
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  child.once("exit", (code, killedBy) => {
    failed(`its process ${killedBy === null ? `ended with status ${code}` : `was ended by ${killedBy}`}`);
    end();
  });
  child.on("error", (cause) => {
    failed(`its process: ${cause.message}`, cause);
    if (child.pid === undefined) end();
  });
  child.once("message", (message) => resolve(message as KitAnswer));
  const onAbort = (): void => reject(new LockstepError("CANCELLED", "Cancelled.", { cause: signal.reason }));
  signal.addEventListener("abort", onAbort, { once: true });
  const request: KitRequest = { shares: shares.map((share) => ({ ...share, part: share.part.bytes })), targets };
  child.send(request);
  try {
    const answer = await promise;
    if ("tried" in answer) return answer.tried;
    throw errorOf(answer) ?? new Error(answer.error.message);
  } finally {
    signal.removeEventListener("abort", onAbort);
    child.kill("SIGKILL");
    await ended;
  }
}
