import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { test } from "node:test";

import { keyClient } from "#client/key-client.ts";
import { isLockstepError } from "#errors/errors.ts";
import { REFUSALS_PER_MINUTE } from "#keys/access/refusal-budget.ts";
import { loggedLines, served } from "#testing/keys/served.ts";

const { signal } = new AbortController();
const MIB = 1024 * 1024;

/** Begins a request whose body never comes. */
function beginBody(socketPath: string, token: string, lengthBytes: number): Socket {
  const socket = connect(socketPath);
  socket.on("error", () => undefined);
  const head = [
    "POST /v1/proofs HTTP/1.1",
    "host: x",
    "content-type: application/json",
    `authorization: Bearer ${token}`,
  ];
  socket.write([...head, `content-length: ${lengthBytes}`, "", ""].join("\r\n"));
  return socket;
}

/** What a connection gives until it has a whole answer, or is cut. */
async function answerTo(socket: Socket): Promise<string> {
  let text = "";
  try {
    for await (const piece of socket) {
      text += String(piece);
      if (text.includes("}")) break;
    }
  } catch {
    // cut while we wrote
  }
  return text;
}

/** Begins five requests of 60 MiB; one is refused, whichever comes last. @returns its answer, and what ends the others */
async function beginFive(socketPath: string, token: string): Promise<{ refused: string; end: () => void }> {
  const begun = Array.from({ length: 5 }, () => beginBody(socketPath, token, 60 * MIB));
  const refused = await Promise.race(begun.map(answerTo));
  return { refused, end: () => begun.forEach((each) => each.destroy()) };
}

test("nobody has more than four of the largest requests under way, and others are answered meanwhile", async (t) => {
  const { keys, socket } = await served(t);
  const { refused, end } = await beginFive(socket, keys.tokens.backup);
  t.after(end);
  assert.match(refused, /^HTTP\/1\.1 503 .*"RATE_LIMITED"/s);
  const [entry] = (await keys.as("auditor", "audit.list", { last: 1 })).entries;
  assert.deepEqual([entry?.who, entry?.act, entry?.detail], ["backup", "proof.begin", { code: "RATE_LIMITED" }]);
  await keyClient(socket, keys.tokens.backup).call("vault.list", {}, signal);
  const asCustodian = beginBody(socket, keys.tokens.custodian, 60 * MIB).end(); // let in, and then found cut
  assert.doesNotMatch(await answerTo(asCustodian), /RATE_LIMITED/);
});

test("who was refused for that is heard once the others are gone", async (t) => {
  const { keys, socket } = await served(t);
  const { end } = await beginFive(socket, keys.tokens.backup);
  end();
  const client = keyClient(socket, keys.tokens.backup);
  const place = { vault: "0".repeat(32), machine: "0".repeat(32), point: "0".repeat(32), disk: "sda", volume: "1" };
  const header = { sizeBytes: 512, sectorBytes: null, ranges: [] };
  const ask = (): Promise<unknown> => client.call("proof.begin", { ...place, header, anew: false }, signal);
  await assert.rejects(
    async () => {
      // The server notices a little later that they are gone.
      for (let n = 0; n < 1000; n++)
        await ask().catch((error: unknown) => isLockstepError(error, "RATE_LIMITED") || raise(error));
    },
    { code: "NAME_UNKNOWN" },
  );
});

function raise(error: unknown): never {
  throw error;
}

test("a request that comes a byte at a time is not waited for", async (t) => {
  const { keys, socket } = await served(t, {}, 200);
  const slow = beginBody(socket, keys.tokens.backup, 1000);
  const writing = setInterval(() => slow.write(" "), 20);
  const answered = await answerTo(slow);
  clearInterval(writing);
  assert.match(answered, /^(HTTP\/1\.1 408 |$)/);
});

test("a connection that says nothing is not kept", async (t) => {
  const { socket } = await served(t, {}, 200);
  assert.match(await answerTo(connect(socket)), /^(HTTP\/1\.1 408 |$)/);
});

test("of each failure the log has a few lines a minute, whoever asks again and again", async (t) => {
  const { keys, socket, log } = await served(t);
  await keys.as("custodian", "store.seal", {});
  const custodian = keyClient(socket, keys.tokens.custodian);
  const rekey = () => assert.rejects(custodian.call("store.rekey", {}, signal), { code: "KEY_STORE_SEALED" });
  for (let n = 0; n < REFUSALS_PER_MINUTE + 10; n++) await rekey();
  keys.pass({ minutes: 1 });
  await rekey();
  const lines = await loggedLines(log, REFUSALS_PER_MINUTE + 1);
  assert.deepEqual([lines.length, lines.at(-1)?.["unloggedBefore"]], [REFUSALS_PER_MINUTE + 1, 10]);
});

test("connections beyond a thousand are closed at once, and there is room again when others end", async (t) => {
  const { keys, socket } = await served(t);
  const opened: Socket[] = [];
  t.after(() => opened.forEach((each) => each.destroy()));
  while (opened.length < 1000) {
    const each = connect(socket).on("error", () => undefined);
    opened.push(each);
    await once(each, "connect");
  }
  const show = () => keyClient(socket, keys.tokens.custodian).call("store.show", {}, signal);
  await assert.rejects(show(), { code: "KEY_SIDE_UNREACHABLE" });
  opened.forEach((each) => each.destroy());
  for (let answered = false; !answered;) {
    answered = await show().then(
      () => true,
      () => false,
    );
  }
});
