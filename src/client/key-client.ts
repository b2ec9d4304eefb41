import { request as httpRequest } from "node:http";

import { errorOf, failure } from "#api/failure.ts";
import { pathNames } from "#api/route.ts";
import type { Route } from "#api/route.ts";
import { apiRoutes } from "#api/routes.ts";
import type { InputOf, ReplyOf, RouteName } from "#api/routes.ts";
import { LockstepError, isLockstepError, messageOf } from "#errors/errors.ts";

/** Asks the key side, as one identity. */
export type KeyClient = {
  /**
   * @throws {LockstepError} KEY_SIDE_UNREACHABLE: nobody answers at the socket, or not as the key side would; CANCELLED; and what
   *   the key side answers with
   */
  call<Name extends RouteName>(name: Name, input: InputOf<Name>, signal: AbortSignal): Promise<ReplyOf<Name>>;
};

/** @param token  null: without an identity */
export function keyClient(socketPath: string, token: string | null): KeyClient {
  return {
    async call(name, input, signal) {
      const route: Route = apiRoutes[name];
      const { path, body } = requestOf(route, input);
      const answer = await send({ socketPath, method: route.method, path, token, body }, signal);
      const document: unknown = parseJson(answer.text, socketPath);
      if (answer.status === 200) return route.reply.parse(document) as ReplyOf<typeof name>;
      const failed = failure.safeParse(document);
      const error = failed.success ? errorOf(failed.data) : null;
      if (error !== null) throw error;
      const words = failed.success ? failed.data.error.message : `status ${answer.status}`;
      throw new LockstepError("KEY_SIDE_UNREACHABLE", `asking the key side for ${name}: ${words}`);
    },
  };
}

/** Whether a call failed before anything was sent, as nothing listens at the socket: the same call can be made again. */
export function wasNotSent(error: unknown): boolean {
  if (!isLockstepError(error, "KEY_SIDE_UNREACHABLE")) return false;
  const { cause } = error;
  return cause instanceof Error && "code" in cause && (cause.code === "ENOENT" || cause.code === "ECONNREFUSED");
}

/** Path with its names filled in, and the rest of the input as query or body. */
function requestOf(
  { method, path }: Route,
  input: Readonly<Record<string, unknown>>,
): { path: string; body: string | null } {
  const names = pathNames(path);
  const filled = names.reduce(
    (text, name) => text.replace(`:${name}`, encodeURIComponent(String(input[name]))),
    path as string,
  );
  const rest = Object.entries(input).filter(([name, value]) => !names.includes(name) && value !== undefined);
  if (method !== "GET") return { path: filled, body: JSON.stringify(Object.fromEntries(rest)) };
  const query = new URLSearchParams(rest.map(([name, value]) => [name, String(value)])).toString();
  return { path: query === "" ? filled : `${filled}?${query}`, body: null };
}

type Sent = {
  readonly socketPath: string;
  readonly method: string;
  readonly path: string;
  readonly token: string | null;
  readonly body: string | null;
};

async function send(
  { socketPath, method, path, token, body }: Sent,
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly text: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
  const headers = {
    ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    ...(body === null ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(body) }),
  };
  const request = httpRequest({ socketPath, method, path, headers, agent: false, signal }, (response) => {
    const pieces: Buffer[] = [];
    response.on("data", (piece: Buffer) => pieces.push(piece));
    response.on("error", reject);
    response.on("end", () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(pieces).toString() }));
  });
  request.on("error", reject);
  request.end(body ?? undefined);
  try {
    return await promise;
  } catch (error) {
    if (signal.aborted) throw new LockstepError("CANCELLED", "Cancelled.", { cause: error });
    throw new LockstepError("KEY_SIDE_UNREACHABLE", `asking the key side at ${socketPath}: ${messageOf(error)}`, {
      hint: "`lockstep keystore serve` starts it; `lockstep keystore show` says where it listens.",
      cause: error,
    });
  }
}

function parseJson(text: string, socketPath: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new LockstepError("KEY_SIDE_UNREACHABLE", `asking the key side at ${socketPath}: its answer is no JSON`, {
      cause: error,
    });
  }
}
