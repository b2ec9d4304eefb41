import assert from "node:assert/strict";
import { test } from "node:test";

import type { InputOf } from "#api/routes.ts";
import { keyClient } from "#client/key-client.ts";
import { testKeySide } from "#testing/keys/key-side.ts";
import { served } from "#testing/keys/served.ts";

const { signal } = new AbortController();

/** What `key.add` takes for a secret that is made. */
const generated = (name: string, more: Partial<InputOf<"key.add">> = {}): InputOf<"key.add"> => {
  return { name, kind: "passphrase", value: null, note: "", activatesAt: null, expiresAt: null, ...more };
};

test("a key whose name is as long as may be is asked for like any other", async (t) => {
  const { keys, socket } = await served(t);
  const custodian = keyClient(socket, keys.tokens.custodian);
  const name = `web01.${"x".repeat(194)}`;
  await custodian.call("key.add", generated(name), signal);
  const shown = await custodian.call("key.show", { name }, signal);
  assert.deepEqual(
    shown.versions.map(({ version }) => version.name),
    [`${name}/v1`],
  );
  await custodian.call("key.delete", { name: `${name}/v1` }, signal);
});

test("an instant finer than can be counted is refused as such", async () => {
  using keys = await testKeySide();
  const finer = generated("web01", { expiresAt: "2027-01-01T00:00:00.1234567891Z" });
  await assert.rejects(keys.as("custodian", "key.add", finer), { code: "ARGUMENT_INVALID", message: /expiresAt/ });
  const { version } = await keys.as(
    "custodian",
    "key.add",
    generated("web01", { expiresAt: "2027-01-01T00:00:00.123456789Z" }),
  );
  assert.equal(version.expiresAt, "2027-01-01T00:00:00.123Z");
});

test("half of a surrogate pair, which would come back from the database as something else, is refused", async () => {
  using keys = await testKeySide();
  const place = { place: "/copies/\ud800", domain: "here" };
  await assert.rejects(keys.as("custodian", "place.add", place), { code: "ARGUMENT_INVALID", message: /place/ });
  await keys.as("custodian", "place.add", { ...place, place: "/copies/\ud83d\ude80" });
  const { places } = await keys.as("custodian", "copy.list", {});
  assert.deepEqual(places.map((each) => each.place).toSorted(), ["/copies/🚀", "memory"]);
});
