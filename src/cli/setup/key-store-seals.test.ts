import assert from "node:assert/strict";
import { Writable } from "node:stream";
import { test } from "node:test";

import { Secret } from "#bytes/secret.ts";
import { utf8 } from "#bytes/text.ts";
import type { App } from "#cli/app/app.ts";
import { Output } from "#cli/output/output.ts";
import { keyStoreSeals } from "#cli/setup/key-store-seals.ts";

/** Somebody at a terminal, who answers each question in turn. */
function person(answers: readonly string[], hasCredentials = false) {
  const left = [...answers];
  let shown = "";
  const stream = new Writable({
    write: (piece: Buffer, _encoding, done) => {
      shown += piece.toString();
      done();
    },
  });
  const app: Parameters<typeof keyStoreSeals>[0] = {
    host: { name: "host", workingFolder: "/", stdinIsTerminal: true } satisfies App["host"],
    output: new Output({ command: "init", json: false, quiet: false, stdout: stream, stderr: stream }),
    signal: new AbortController().signal,
    askLine: (question) => {
      shown += question;
      return Promise.resolve(left.shift() ?? assert.fail("asked once too often"));
    },
    askNewPassphrase: () => Promise.resolve(new Secret(utf8("typed"))),
    canKeepCredentials: () => Promise.resolve(hasCredentials),
  };
  return { app, shown: () => shown, left };
}

test("a slip is asked for again, and the answer after it counts", async () => {
  const { app, shown, left } = person(["passphrsae", "credential", "passphrase"]);
  const { seals, host } = await keyStoreSeals(app, {});
  assert.deepEqual([seals.map(({ label }) => label), host, left], [["passphrase"], null, []]);
  assert.match(shown(), /"passphrsae" is none of them/);
  assert.match(shown(), /"credential" is none of them/, "this host can keep none");
});

test("nothing that is typed is a key file, and a credential is one where the host can keep it", async () => {
  assert.equal((await keyStoreSeals(person([""]).app, {})).host, "key-file");
  assert.equal((await keyStoreSeals(person(["credential"], true).app, {})).host, "credential");
});

test("an option that names no way ends it, since nobody was asked", async () => {
  await assert.rejects(keyStoreSeals(person([]).app, { keyStoreOpens: "passphrsae" }), {
    code: "ARGUMENT_INVALID",
    hint: "Write key-file, passphrase or credential.",
  });
});
