import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import type { TestContext } from "node:test";

import type { App, MadeKeyStore } from "#cli/app/app.ts";
import type { NewKit } from "#cli/app/kit-tools.ts";
import { createDirectoryRoot } from "#store/directory-root.ts";
import { KeyHost } from "./key-host.ts";

const { signal } = new AbortController();

/** What a key store puts into its place when it is made: its first copy, and the claim of its first epoch. */
const firstObjects = ["00000001-00000001", "epoch-00000001"];

const vaultId = "e".repeat(32);

/** A host without a key store, and a place where a vault's copies go. */
async function newHost(t: TestContext): Promise<{ readonly host: KeyHost; readonly place: string }> {
  const host = new KeyHost(t, { idleMinutes: 1 });
  const place = host.path("vault");
  await createDirectoryRoot(place, {}, signal);
  return { host, place };
}

async function make(app: App, place: string, kit: NewKit): Promise<MadeKeyStore> {
  const vault = { id: vaultId, name: "vault", rootCommitment: "0".repeat(64) };
  return await app.makeKeyStore({ seals: [], host: "key-file", first: { vault, place, domain: "here", kit } });
}

async function newKit(app: App): Promise<NewKit> {
  return await (await app.kitTools()).make(["anna"], 1);
}

function inPlace(place: string): readonly string[] {
  const folder = join(place, "keystore");
  return existsSync(folder) ? readdirSync(folder).toSorted() : [];
}

/** Does something when the claim of the first epoch lies in a place, before anything else does: the next time that somebody asks for the time. */
function onceClaimed(app: App, place: string, act: () => void): App {
  let isDone = false;
  return {
    ...app,
    now: () => {
      if (!isDone && inPlace(place).length > 0) {
        isDone = true;
        act();
      }
      return app.now();
    },
  };
}

/** As `App.makeKeyStore` does it, for an app that is not all that was opened. */
async function makeBy(app: App, place: string, kit: NewKit): Promise<MadeKeyStore> {
  const { makeConfiguredKeyStore } = await import("#main/wiring/make-key-store.ts");
  return await make({ ...app, makeKeyStore: (what) => makeConfiguredKeyStore(app, what) }, place, kit);
}

test("a key store that was stopped while it was made takes its claim back, and the next one is made", async (t) => {
  const { host, place } = await newHost(t);
  await host.with(async (app) => {
    const stop = new AbortController();
    using kit = await newKit(app);
    const stopped = onceClaimed({ ...app, signal: stop.signal }, place, () => stop.abort());
    await assert.rejects(makeBy(stopped, place, kit));
    assert.ok(stop.signal.aborted);
    assert.deepEqual(inPlace(place), []);
    await make(app, place, kit);
    assert.deepEqual(inPlace(place), firstObjects);
  });
});

test("a key store that could not be made takes no claim back that is another's, and says why it was not made", async (t) => {
  const { host, place } = await newHost(t);
  await host.with(async (app) => {
    using kit = await newKit(app);
    mkdirSync(join(place, "keystore"));
    for (const name of firstObjects) writeFileSync(join(place, "keystore", name), "another's");
    await assert.rejects(make(app, place, kit), {
      code: "COPY_NOT_DURABLE",
      message: /is not signed by this key store/,
    });
    assert.deepEqual(inPlace(place), firstObjects);
  });
});

test("a recovery takes nothing of another key store in its places for copies of its own", async (t) => {
  const [own, other] = [await newHost(t), await newHost(t)];
  const recovered = await newHost(t);
  await other.host.with(async (app) => {
    using kit = await newKit(app);
    await make(app, other.place, kit);
  });
  await own.host.with(async (app) => {
    using kit = await newKit(app);
    const { signingKey } = await make(app, own.place, kit);
    using opened = await (await app.kitTools()).combine(kit.shares);
    await recovered.host.with(async (there) => {
      const places = [];
      for (const { place } of [own, other])
        places.push({ place, domain: place, objects: await there.openStore(place) });
      const found = await opened.findCopies(places, signingKey);
      const vault = { id: vaultId, name: "vault", rootCommitment: "0".repeat(64) };
      await there.recoverKeyStore({ seals: [], host: "key-file", found, places, vault, knownEpoch: 0 });
    });
  });
  using db = new DatabaseSync(recovered.host.path("state/keys/keys.db"), { readOnly: true });
  const copies = db.prepare(
    "SELECT places.place, epoch, number FROM copies JOIN places ON places.id = copies.place ORDER BY places.place = ?, epoch",
  );
  copies.setReturnArrays(true);
  assert.deepEqual(copies.all(other.place), [
    [own.place, 1, 1],
    [own.place, 2, 1],
    [other.place, 2, 1],
  ]);
});
