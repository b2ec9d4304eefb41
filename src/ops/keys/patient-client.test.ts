import assert from "node:assert/strict";
import { test } from "node:test";

import type { KeyClient } from "#client/key-client.ts";
import { LockstepError } from "#errors/errors.ts";
import { patientClient } from "#ops/keys/patient-client.ts";

/** A key side that never answers, and a call of which ends as a real one does when it is called off. */
const silent: KeyClient = {
  call: (_name, _input, signal) =>
    new Promise((_resolve, reject) => {
      signal.addEventListener("abort", () => reject(new LockstepError("CANCELLED", "Cancelled.")));
    }),
};

test("a key side that does not answer is out of reach after a while", async () => {
  const { signal } = new AbortController();
  const asked = patientClient(silent, 20).call("store.show", {}, signal);
  await assert.rejects(asked, { code: "KEY_SIDE_UNREACHABLE", message: /store\.show: no answer in 0(\.\d+)? s/ });
});

test("whoever cancels is told so, and not that nobody answered", async () => {
  const given = new AbortController();
  const asked = patientClient(silent, 60_000).call("store.show", {}, given.signal);
  given.abort();
  await assert.rejects(asked, { code: "CANCELLED" });
});

test("what the key side says comes through as it is", async () => {
  const { signal } = new AbortController();
  const refusing: KeyClient = { call: () => Promise.reject(new LockstepError("NOT_ALLOWED", "no")) };
  await assert.rejects(patientClient(refusing, 60_000).call("key.list", {}, signal), { code: "NOT_ALLOWED" });
  const call = (): Promise<unknown> => Promise.resolve({ keys: [] });
  const answering: KeyClient = { call: call as KeyClient["call"] };
  assert.deepEqual(await patientClient(answering, 60_000).call("key.list", {}, signal), { keys: [] });
});
