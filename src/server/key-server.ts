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
import { RefusalBudget } from "#keys/access/refusal-budget.ts";
import { databaseError } from "#keys/store/database-error.ts";
import { answer, auditUnasked, heardAsker } from "#server/answer.ts";
import { STRANGER } from "#server/audit-within-budget.ts";
import type { Idle } from "#server/idle.ts";
import type { KeySide } from "#server/key-side.ts";
import { LogFile } from "#server/log-file.ts";
import { UNDER_WAY_BYTES, UnderWay } from "#server/under-way.ts";

/** Headers and points of a large machine; a report of 100,000 points takes 50 MiB. */
const BODY_LIMIT_BYTES = 64 * 1024 * 1024;

/** The limit for the body of a request that anybody may send: a secret that opens the store. */
const STRANGERS_BODY_LIMIT_BYTES = 64 * 1024;

/** What comes slower than this is not waited for: it comes from a process of this host. */
const RECEIVE_MS = 120_000;

/** Far more than commands and backups of one host have; each costs memory and a file number, which the database needs as well. */
const CONNECTIONS_MAX = 1000;

/** More than Node takes of a request before its body. */
const NAME_LIMIT_BYTES = 16 * 1024;

/** Without the zero at its end (unix(7)). */
const SOCKET_PATH_BYTES = 107;

/**
 * The key side's HTTP server. It listens nowhere yet.
 *
 * Its log has starts, ends and failures; of requests the route's name and the code of the failure, nothing that anybody sent.
 *
 * @param idle     told of each request
 * @param logFile  lines of JSON are added to it; null: nothing is logged
 * @param receiveMs  how long a request may take until it is there
 */
export function keyServer(
  side: KeySide,
  idle: Idle,
  logFile: string | null,
  receiveMs: number = RECEIVE_MS,
): FastifyInstance {
  const server = fastify({
    forceCloseConnections: true,
    requestTimeout: receiveMs,
    http: { headersTimeout: receiveMs, connectionsCheckingInterval: receiveMs / 4 },
    routerOptions: { maxParamLength: NAME_LIMIT_BYTES },
    logger: logFile === null ? false : { stream: new LogFile(logFile), base: { process: process.pid } },
    logController: new LogController({ disableRequestLogging: true }),
  });
  server.server.maxConnections = CONNECTIONS_MAX;
  const fail = failing(server, side);
  const parts = { server, side, idle, underWay: new UnderWay(), fail };
  for (const name of Object.keys(apiRoutes) as RouteName[]) serveRoute(parts, name);
  const openapi = openapiOf(apiRoutes);
  server.get(OPENAPI_PATH, async (_request, reply) => reply.send(openapi));
  server.setNotFoundHandler(async (request, reply) =>
    fail(reply, new LockstepError("ARGUMENT_INVALID", `there is no ${request.method} ${request.url}`), "request"),
  );
  server.setErrorHandler(async (error, _request, reply) => fail(reply, refusedByServer(error), "request"));
  return server;
}

type ServedParts = {
  readonly server: FastifyInstance;
  readonly side: KeySide;
  readonly idle: Idle;
  readonly underWay: UnderWay;
  readonly fail: Fail;
};

/** Refuses strangers, and identities with too much under way, before the body of their request is read. */
function serveRoute({ server, side, idle, underWay, fail }: ServedParts, name: RouteName): void {
  const { method, path, askers }: Route = apiRoutes[name];
  const bodyLimit = askers.includes("anybody") ? STRANGERS_BODY_LIMIT_BYTES : BODY_LIMIT_BYTES;
  const handler = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    using _request = idle.begin();
    const gone = new AbortController();
    request.raw.socket.once("close", () => gone.abort());
    const token = tokenOf(request);
    let answered: string;
    try {
      answered = JSON.stringify(await answer(side, name, { token, input: inputOf(request) }, gone.signal));
    } catch (error) {
      return await fail(reply, error, name);
    }
    // What changes something was done, and its reply is short.
    if (method === "GET") hold(underWay, heardAsker(side, name, token), answered.length, reply);
    return await reply.type("application/json").send(answered);
  };
  const onRequest = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> => {
    const asker = heardAsker(side, name, tokenOf(request));
    if (asker === null) return await handler(request, reply);
    hold(underWay, asker, bodyBytes(request, bodyLimit), reply);
    return undefined;
  };
  const errorHandler = (error: unknown, request: FastifyRequest, reply: FastifyReply): void =>
    void fail(reply, auditUnasked(side, name, tokenOf(request), refusedByServer(error)), name);
  server.route({ method, url: path, bodyLimit, onRequest, handler, errorHandler });
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

/**
 * Counts bytes as under way until the reply has left, or the asker has hung up.
 *
 * @throws {LockstepError} RATE_LIMITED
 */
function hold(underWay: UnderWay, asker: string | null, bytes: number, { raw }: FastifyReply): void {
  const end = underWay.begin(asker ?? STRANGER, bytes);
  if (end !== null) return raw.closed ? end() : void raw.once("close", end);
  const most = `${UNDER_WAY_BYTES / 1024 / 1024} MiB`;
  throw new LockstepError("RATE_LIMITED", `more than ${most} of yours would be under way`, {
    hint: "Wait until earlier requests are answered.",
  });
}

/** How long a body is at most. */
function bodyBytes({ headers }: FastifyRequest, limitBytes: number): number {
  if (headers["transfer-encoding"] !== undefined) return limitBytes;
  return Math.min(Number(headers["content-length"] ?? 0), limitBytes);
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

/** Answers with a failure, and logs it where it may be the key side's own: of each code so many a minute, whoever asks again and again. */
function failing(server: FastifyInstance, { store }: KeySide): Fail {
  const logged = new RefusalBudget();
  const log = (level: "warn" | "error", code: string, facts: object, message: string): void => {
    const unlogged = logged.take(code, store.deps.now().epochMilliseconds);
    if (unlogged !== null) server.log[level](unlogged === 0 ? facts : { ...facts, unloggedBefore: unlogged }, message);
  };
  return async (reply, thrown, what) => {
    const error = databaseError(`answering ${what}`, thrown);
    if (isLockstepError(error)) {
      const { code, message } = error;
      const status = httpStatus[error.kind];
      if (status >= 500) log("warn", code, { route: what, code }, message);
      return reply.code(status).send(failureOf(error));
    }
    // The stack only: other members of an error may hold anything.
    log(
      "error",
      "BUG",
      { route: what, stack: error instanceof Error ? error.stack : String(error) },
      "a bug in Lockstep",
    );
    const message = `${what}: a bug in Lockstep; the key side's log has it`;
    return reply.code(500).send({ error: { code: "BUG", message, hint: null } });
  };
}
