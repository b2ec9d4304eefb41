import assert from "node:assert/strict";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { apiRoutes } from "#api/routes.ts";
import { base64, utf8 } from "#bytes/text.ts";
import { keyClient } from "#client/key-client.ts";
import { Idle } from "#server/idle.ts";
import { keyServer, listenAt } from "#server/key-server.ts";
import { testKeySide } from "#testing/keys/key-side.ts";
import { loggedLines, served } from "#testing/keys/served.ts";

type Raw = { readonly method?: string; readonly path: string; readonly token?: string; readonly body?: string };

/** Sends a request as it is written here. */
function send(
  socketPath: string,
  { method = "GET", path, token, body }: Raw,
): Promise<{ status: number; text: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
  const headers = {
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(body === undefined ? {} : { "content-type": "application/json" }),
  };
  const sent = request({ socketPath, method, path, headers, agent: false }, (response) => {
    let text = "";
    response.setEncoding("utf8").on("data", (piece: string) => (text += piece));
    response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
  });
  sent.on("error", reject).end(body);
  return promise;
}

const { signal } = new AbortController();

test("a client gets what the key side answers, and its failures as they were", async (t) => {
  const { keys, socket } = await served(t);
  const custodian = keyClient(socket, keys.tokens.custodian);
  const { store } = keys.side;
  assert.equal((await keyClient(socket, null).call("store.show", {}, signal)).id, store.facts().id);
  const { identity } = await custodian.call(
    "identity.add",
    { name: "eve@host", role: "auditor", expiresAt: null },
    signal,
  );
  assert.equal(identity.name, "eve@host");
  await custodian.call("identity.revoke", { name: "eve@host" }, signal);
  await assert.rejects(custodian.call("identity.revoke", { name: "adam" }, signal), {
    name: "LockstepError",
    code: "NAME_UNKNOWN",
    hint: /identity list/,
  });
  const { entries } = await keyClient(socket, keys.tokens.auditor).call("audit.list", { last: 2, before: 3 }, signal);
  assert.deepEqual(
    entries.map(({ seq }) => seq),
    [1, 2],
  );
});

test("the status follows from the kind of the failure", async (t) => {
  const { keys, socket } = await served(t);
  const { custodian: token, backup } = keys.tokens;
  for (const [raw, status, code] of [
    [{ path: "/v1/identities", token }, 200, undefined],
    [{ path: "/v1/identities" }, 403, "IDENTITY_REJECTED"],
    [{ path: "/v1/identities", token: backup }, 403, "NOT_ALLOWED"],
    [{ path: "/v1/audit?last=0", token }, 400, "ARGUMENT_INVALID"],
    [{ path: "/v1/approvals/0000", token }, 404, "NAME_UNKNOWN"],
    [{ path: "/v1/identities/custodian", method: "DELETE", token }, 409, "CUSTODIAN_LAST"],
    [{ path: "/v1/nothing", token }, 400, "ARGUMENT_INVALID"],
    [{ path: "/v1/identities", method: "PUT", token, body: "{}" }, 400, "ARGUMENT_INVALID"],
  ] as const) {
    const answer = await send(socket, raw);
    const { error } = JSON.parse(answer.text) as { error?: { code: string } };
    assert.deepEqual([answer.status, error?.code], [status, code], raw.path);
  }
});

test("a body that cannot be read is refused in words that do not quote it", async (t) => {
  const { keys, socket, log } = await served(t);
  const token = keys.tokens.custodian;
  const secret = "correct horse battery staple";
  for (const body of [
    `{"secret": "${secret}`,
    secret,
    `{"secret": "${secret}"}`,
    `["${secret}"]`,
    `{"${secret}": 1}`,
  ]) {
    const { status, text } = await send(socket, { method: "POST", path: "/v1/store/unseal", token, body });
    assert.equal(status, 400, body);
    if (!body.includes(`"${secret}":`)) assert.ok(!text.includes(secret), text);
  }
  const huge = await send(socket, {
    method: "POST",
    path: "/v1/store/unseal",
    token,
    body: `"${"x".repeat(2 ** 26)}"`,
  }).catch((error: unknown) => error);
  // Refused before it was all sent, which may cut the connection.
  if (!(huge instanceof Error)) assert.deepEqual((huge as { status: number }).status, 400);
  const written = readFileSync(log, "utf8");
  for (const hidden of [secret, token]) assert.ok(!written.includes(hidden));
});

test("a stranger is refused before his body is read", async (t) => {
  const { keys, socket } = await served(t);
  const body = `"${"x".repeat(1 << 20)}`;
  for (const [token, code] of [
    [undefined, "IDENTITY_REJECTED"],
    ["f".repeat(64), "IDENTITY_REJECTED"],
    [keys.tokens.custodian, "ARGUMENT_INVALID"],
  ] as const) {
    const raw = { method: "POST", path: "/v1/keys", body, ...(token === undefined ? {} : { token }) };
    // The rest of the body may find the connection closed.
    const answer = await send(socket, raw).catch((error: unknown) => String(error));
    if (typeof answer === "string") assert.match(answer, /EPIPE|ECONNRESET/);
    else assert.ok(answer.text.includes(`"${code}"`), answer.text);
  }
  const { entries } = await keys.as("auditor", "audit.list", { last: 10 });
  assert.deepEqual(
    entries.map(({ detail }) => detail["code"]),
    ["IDENTITY_REJECTED", "IDENTITY_REJECTED", "ARGUMENT_INVALID"],
  );
});

test("what is refused before it is read has an entry under the name of whoever asked, and nothing of the body is in it", async (t) => {
  const { keys, socket } = await served(t);
  const body = `{"reason": "curious`;
  await send(socket, { method: "POST", path: "/v1/keys", token: keys.tokens.backup, body });
  await send(socket, { method: "POST", path: "/v1/nothing", token: keys.tokens.backup, body });
  const { entries } = await keys.as("auditor", "audit.list", { last: 10 });
  assert.deepEqual(
    entries.map(({ who, act, subject, outcome, detail }) => [who, act, subject, outcome, detail]),
    [["backup", "key.add", "", "refused", { code: "ARGUMENT_INVALID" }]],
  );
});

test("what somebody tried who may not is in the audit log", async (t) => {
  const { keys, socket } = await served(t);
  const revealing = { version: "web01/v1", reason: "curious" };
  const backup = keyClient(socket, keys.tokens.backup);
  await assert.rejects(backup.call("key.reveal", revealing, signal), { code: "NOT_ALLOWED" });
  const [entry] = (await keys.as("auditor", "audit.list", { last: 1 })).entries;
  assert.deepEqual(
    [entry?.who, entry?.act, entry?.subject, entry?.outcome],
    ["backup", "key.reveal", "web01/v1", "refused"],
  );
});

test("the log has what went wrong on the key side, by route and code", async (t) => {
  const { keys, socket, log } = await served(t);
  await keys.as("custodian", "store.seal", {});
  const input = {
    name: "web01",
    kind: "passphrase",
    value: base64(utf8("hunter2")),
    note: "",
    activatesAt: null,
    expiresAt: null,
  } as const;
  const adding = keyClient(socket, keys.tokens.custodian).call("key.add", input, signal);
  await assert.rejects(adding, { code: "KEY_STORE_SEALED" });
  const [line] = await loggedLines(log, 1);
  assert.deepEqual([line?.["route"], line?.["code"]], ["key.add", "KEY_STORE_SEALED"]);
  assert.ok(!readFileSync(log, "utf8").includes("hunter2"));
});

test("work stops when whoever asked for it is gone", async (t) => {
  const begun = Promise.withResolvers<void>();
  const { keys, socket, idle } = await served(t, {
    openPlace: (_place, stop) => {
      begun.resolve();
      return new Promise((_, reject) => stop.addEventListener("abort", () => reject(new Error("stopped"))));
    },
  });
  const gone = new AbortController();
  const input = { place: "/srv/copies", domain: "another building" };
  const asking = keyClient(socket, keys.tokens.custodian).call("place.add", input, gone.signal);
  await begun.promise;
  assert.equal(idle.forMs(), 0);
  gone.abort();
  await assert.rejects(asking, { code: "CANCELLED" });
  await idle.quiet();
});

test("nobody but the user and his group reaches the socket, and one that was left is replaced", async (t) => {
  const { socket } = await served(t);
  assert.equal(statSync(socket).mode & 0o777, 0o660);
  const other = await testKeySide();
  const left = `${socket}.left`;
  writeFileSync(left, "");
  const server = keyServer(other.side, new Idle(() => 0), null);
  await listenAt(server, left);
  assert.equal((await keyClient(left, null).call("store.show", {}, signal)).id, other.side.store.facts().id);
  await server.close();
  other[Symbol.dispose]();
});

test("a socket's path that the kernel would cut is refused", async () => {
  using keys = await testKeySide();
  const server = keyServer(keys.side, new Idle(() => 0), null);
  await assert.rejects(listenAt(server, join(tmpdir(), "x".repeat(120))), { code: "CONFIG_INVALID" });
});

test("nobody at the socket, or somebody else, is the key side unreachable", async (t) => {
  const { socket } = await served(t);
  const calling = keyClient(`${socket}.none`, null).call("store.show", {}, signal);
  await assert.rejects(calling, { code: "KEY_SIDE_UNREACHABLE", hint: /keystore serve/ });
});

test("the OpenAPI document is there for whoever reaches the socket", async (t) => {
  const { socket } = await served(t);
  const { status, text } = await send(socket, { path: "/v1/openapi.json" });
  const { openapi, paths } = JSON.parse(text) as { openapi: string; paths: Record<string, object> };
  assert.deepEqual([status, openapi], [200, "3.1.1"]);
  const operations = Object.values(paths).flatMap((item) => Object.keys(item));
  assert.equal(operations.length, Object.keys(apiRoutes).length);
});
