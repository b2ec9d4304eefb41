import { chmod, rm } from "node:fs/promises";
import process from "node:process";

import fastify, { LogController } from "fastify";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";

import { failureOf } from "#api/failure.ts";
import { httpStatus } from "#api/http-status.ts";
import { OPENAPI_PATH, openapiOf } from "#api/openapi.ts";
import type { Route } from "#api/route.ts";
import { apiRoutes } from "#api/routes.ts";
import type { RouteName } from "#api/routes.ts";
import { utf8 } from "#bytes/text.ts";
import { LockstepError, isLockstepError } from "#errors/errors.ts";
import { answer, isHeard } from "#server/answer.ts";
import type { Idle } from "#server/idle.ts";
import type { KeySide } from "#server/key-side.ts";

/** Headers and points of a large machine; a report of 100,000 points takes 50 MiB. */
const BODY_LIMIT_BYTES = 64 * 1024 * 1024;

/** Of what anybody may ask for: a secret that opens the store. */
const STRANGERS_BODY_LIMIT_BYTES = 64 * 1024;

/** Without the zero at its end (unix(7)). */
const SOCKET_PATH_BYTES = 107;

/**
 * The key side's HTTP server. It listens nowhere yet.
 *
 * Its log has starts, ends and failures; of requests the route's name and the code of the failure, nothing that anybody sent.
 *
 * @param idle     told of each request
 * @param logFile  lines of JSON are added to it; null: nothing is logged
 */
export function keyServer(side: KeySide, idle: Idle, logFile: string | null): FastifyInstance {
  const server = fastify({
    forceCloseConnections: true,
    logger: logFile === null ? false : { file: logFile, base: { process: process.pid } },
    logController: new LogController({ disableRequestLogging: true }),
  });
  const fail = failing(server);
  for (const name of Object.keys(apiRoutes) as RouteName[]) {
    const { method, path, askers }: Route = apiRoutes[name];
    const handler = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
      using _request = idle.begin();
      const gone = new AbortController();
      request.raw.socket.once("close", () => gone.abort());
      try {
        const asked = { token: tokenOf(request), input: inputOf(request) };
        return await reply.send(await answer(side, name, asked, gone.signal));
      } catch (error) {
        return await fail(reply, error, name);
      }
    };
    server.route({
      method,
      url: path,
      bodyLimit: askers.includes("anybody") ? STRANGERS_BODY_LIMIT_BYTES : BODY_LIMIT_BYTES,
      // A stranger is refused before his body is read.
      onRequest: async (request, reply) =>
        isHeard(side, name, tokenOf(request)) ? undefined : handler(request, reply),
      handler,
    });
  }
  const openapi = openapiOf(apiRoutes);
  server.get(OPENAPI_PATH, async (_request, reply) => reply.send(openapi));
  server.setNotFoundHandler(async (request, reply) =>
    fail(reply, new LockstepError("ARGUMENT_INVALID", `there is no ${request.method} ${request.url}`), "request"),
  );
  server.setErrorHandler(async (error, _request, reply) => fail(reply, refusedByServer(error), "request"));
  return server;
}

/**
 * Listens on a UNIX socket, in the place of one that a process left which was killed. Who can reach it, this user and his group at
 * most, is decided by the folder that it is in. The caller has the key store to himself.
 *
 * @throws {LockstepError} CONFIG_INVALID: the path is longer than a socket's can be. A system error: it cannot be made
 */
export async function listenAt(server: FastifyInstance, socketPath: string): Promise<void> {
  if (utf8(socketPath).length > SOCKET_PATH_BYTES) {
    throw new LockstepError(
      "CONFIG_INVALID",
      `the socket ${socketPath} has a path of more than ${SOCKET_PATH_BYTES} bytes`,
      {
        hint: "Name a shorter one by `[keys] socket` in the configuration.",
      },
    );
  }
  await rm(socketPath, { force: true });
  await server.listen({ path: socketPath });
  await chmod(socketPath, 0o660);
}

function tokenOf({ headers }: FastifyRequest): string | null {
  return /^Bearer (\S+)$/i.exec(headers.authorization ?? "")?.[1] ?? null;
}

/** Path, query and body as one object; a name that is in two of them counts in the path. */
function inputOf({ params, query, body }: FastifyRequest): unknown {
  return { ...objectOf(query), ...objectOf(body), ...objectOf(params) };
}

function objectOf(value: unknown): object {
  return typeof value === "object" && value !== null ? value : {};
}

/** What Fastify itself refuses: a body that is no JSON, or too long. Its own words may quote the body. */
function refusedByServer(error: unknown): unknown {
  if (isLockstepError(error) || !(error instanceof Error) || !("statusCode" in error)) return error;
  if (Number(error.statusCode) >= 500) return error;
  const why = "code" in error ? String(error.code) : "it is no JSON";
  return new LockstepError("ARGUMENT_INVALID", `reading the request: ${why}`);
}

type Fail = (reply: FastifyReply, error: unknown, what: string) => Promise<FastifyReply>;

/** Answers with a failure, and logs it where it may be the key side's own. */
function failing(server: FastifyInstance): Fail {
  return async (reply, error, what) => {
    if (isLockstepError(error)) {
      const status = httpStatus[error.kind];
      if (status >= 500) server.log.warn({ route: what, code: error.code }, error.message);
      return reply.code(status).send(failureOf(error));
    }
    // The stack only: other members of an error may hold anything.
    server.log.error({ route: what, stack: error instanceof Error ? error.stack : String(error) }, "a bug in Lockstep");
    const message = `${what}: a bug in Lockstep; the key side's log has it`;
    return reply.code(500).send({ error: { code: "BUG", message, hint: null } });
  };
}
