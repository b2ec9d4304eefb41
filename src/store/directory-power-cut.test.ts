import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";

import fc from "fast-check";

import { alignedBuffer, concat, equalBytes } from "#bytes/arrays.ts";
import { utf8 } from "#bytes/text.ts";
import type { ObjectKey, Pieces, Store } from "#store/contract.ts";
import { createDirectoryRoot } from "#store/directory-root.ts";
import { openDirectoryStore } from "#store/directory.ts";
import type { Files } from "#store/files.ts";
import { powerCutDisk } from "#testing/stores/power-cut.ts";
import type { PowerCutDisk } from "#testing/stores/power-cut.ts";

const { signal } = new AbortController();
const root = "/backup/vault";

type Step = { readonly key: ObjectKey; readonly body: Pieces | null };

function large(): Pieces {
  const bulk = alignedBuffer(272 * 1024);
  for (let page = 0; page < bulk.length; page += 4096) bulk.fill(1 + (page >> 12), page, page + 4096);
  return [bulk, utf8("a tail")];
}

/** Bodies are told apart by their bytes; null deletes. */
const script: readonly Step[] = [
  { key: "a/small", body: [utf8("first body of a/small")] },
  { key: "a/b/large", body: large() },
  { key: "a/small", body: null },
  { key: "top", body: [new Uint8Array(5000).fill(7), new Uint8Array(5000).fill(8)] },
  { key: "a/small", body: [utf8("second body of a/small")] },
  { key: "a/b/large", body: null },
];

/** What each key may hold. */
type Allowed = Map<ObjectKey, readonly (Uint8Array | null)[]>;

/** Runs the script until the process dies; answers what may be found afterwards. */
async function runUntilDeath(files: Files): Promise<Allowed> {
  const allowed: Allowed = new Map(script.map(({ key }) => [key, [null]]));
  try {
    const store = await openDirectoryStore(root, { files }, signal);
    for (const step of script) {
      const bytes = step.body === null ? null : concat(...step.body);
      const before = allowed.get(step.key) ?? [];
      allowed.set(step.key, [...before, bytes]);
      if (step.body === null) await store.delete(step.key, signal);
      else assert.equal(await store.put(step.key, step.body, {}, signal), "created");
      allowed.set(step.key, [bytes]);
    }
  } catch (error) {
    assert.match(inspect(error), /this process died/);
  }
  return allowed;
}

async function newDisk(): Promise<PowerCutDisk> {
  const disk = powerCutDisk();
  await createDirectoryRoot(root, { files: disk.process() }, signal);
  return disk;
}

async function assertHolds(store: Store, allowed: Allowed): Promise<void> {
  const shown: { key: ObjectKey; sizeBytes: number }[] = [];
  for (const [key, bodies] of allowed) {
    const found = await store.get(key, 1 << 20, signal);
    const fits = bodies.some((body) => (body === null || found === null ? body === found : equalBytes(body, found)));
    assert.ok(fits, `${key} is ${found === null ? "absent" : `${found.length} bytes`}`);
    if (found !== null) shown.push({ key, sizeBytes: found.length });
  }
  const listed = await Array.fromAsync(store.list("", {}, signal));
  assert.deepEqual(
    listed,
    shown.sort((a, b) => (a.key < b.key ? -1 : 1)),
  );
}

/** Decides of each unsynced change: all are lost, all last, or by chance in one of several ways. */
function outcomes(count: number, seed: number): (() => boolean)[] {
  const random = (start: number): (() => number) => {
    let state = start;
    return () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0; // Numerical Recipes' linear congruence
      return state / 2 ** 32;
    };
  };
  const chances = [0.1, 0.5, 0.9];
  const byChance = Array.from({ length: count }, (_, index) => {
    const next = random(seed + index);
    return () => next() < (chances[index % chances.length] ?? 0);
  });
  return [() => false, () => true, ...byChance];
}

async function operationsOfScript(): Promise<number> {
  const files = (await newDisk()).process();
  await runUntilDeath(files);
  return files.operations;
}

test("a power cut at any operation loses nothing answered, brings back nothing deleted, and leaves no partial object", async () => {
  const operations = await operationsOfScript();
  assert.ok(operations > 40);
  for (let dieAt = 0; dieAt <= operations; dieAt++) {
    const disk = await newDisk();
    const allowed = await runUntilDeath(disk.process(dieAt));
    for (const keep of outcomes(12, dieAt)) {
      const store = await openDirectoryStore(root, { files: disk.cut(keep).process() }, signal);
      await assertHolds(store, allowed);
    }
  }
});

test("a process killed at any operation, without a power cut, leaves no partial object either", async () => {
  const operations = await operationsOfScript();
  for (let dieAt = 0; dieAt <= operations; dieAt++) {
    const disk = await newDisk();
    const allowed = await runUntilDeath(disk.process(dieAt));
    await assertHolds(await openDirectoryStore(root, { files: disk.process() }, signal), allowed);
  }
});

test("an object that another process was shown survives a power cut, though its put was never answered", async () => {
  const ways: Record<string, (store: Store, key: ObjectKey) => Promise<boolean>> = {
    get: async (store, key) => (await store.get(key, 1 << 20, signal)) !== null,
    read: async (store, key) => (await store.read(key, 0, new Uint8Array(8), signal)) !== null,
    stat: async (store, key) => (await store.stat(key, signal)) !== null,
    list: async (store, key) => (await Array.fromAsync(store.list(key, {}, signal))).length > 0,
    put: async (store, key) => (await store.put(key, [], {}, signal)) === "exists",
  };
  const operations = await operationsOfScript();
  for (const [way, shows] of Object.entries(ways)) {
    let shown = 0;
    for (let dieAt = 0; dieAt <= operations; dieAt++) {
      const disk = await newDisk();
      const allowed = await runUntilDeath(disk.process(dieAt));
      disk.advance(25 * 60 * 60 * 1000); // what the dead process left is stale
      const reader = await openDirectoryStore(root, { files: disk.process() }, signal);
      const [key] = [...allowed].find(([, [before, after]]) => before === null && after instanceof Uint8Array) ?? [];
      if (key === undefined || !(await shows(reader, key))) continue;
      shown++;
      const after = await openDirectoryStore(root, { files: disk.cut(() => false).process() }, signal);
      assert.notEqual(await after.get(key, 1 << 20, signal), null, `${way} showed ${key}, killed at ${dieAt}`);
    }
    assert.ok(shown > 3, `${way} showed ${shown}`);
  }
});

test("an object that was copied in by hand is durable once a put answers that it exists", async () => {
  const disk = await newDisk();
  const files = disk.process();
  await files.makeFolder(`${root}/copied`);
  const file = await files.open(`${root}/copied/object`, "create");
  await file.write(utf8("body"), 0);
  const store = await openDirectoryStore(root, { files }, signal);
  assert.equal(await store.put("copied/object", [utf8("body")], {}, signal), "exists");
  const after = await openDirectoryStore(root, { files: disk.cut(() => false).process() }, signal);
  assert.deepEqual(await after.get("copied/object", 100, signal), utf8("body"));
});

test("what a dead process left under way can be put again, and is durable then", async () => {
  const operations = await operationsOfScript();
  await fc.assert(
    fc.asyncProperty(fc.nat(operations), fc.nat(), async (dieAt, seed) => {
      const disk = await newDisk();
      await runUntilDeath(disk.process(dieAt));
      for (const keep of outcomes(3, seed)) {
        const cut = disk.cut(keep);
        const store = await openDirectoryStore(root, { files: cut.process() }, signal);
        const body = utf8("put again");
        const answers = new Map<ObjectKey, string>();
        for (const { key } of script) answers.set(key, await store.put(key, [body], {}, signal));
        const again = await openDirectoryStore(root, { files: cut.cut(() => false).process() }, signal);
        for (const key of answers.keys()) assert.notEqual(await again.get(key, 1 << 20, signal), null);
      }
    }),
    { numRuns: 12 },
  );
});

test("a root whose making was answered survives a power cut", async () => {
  const whole = powerCutDisk().process();
  await createDirectoryRoot(root, { files: whole }, signal);
  for (let dieAt = 0; dieAt <= whole.operations; dieAt++) {
    const disk = powerCutDisk();
    const answered = await createDirectoryRoot(root, { files: disk.process(dieAt) }, signal).then(
      () => true,
      () => false,
    );
    const cut = disk.cut(() => false);
    if (answered) await openDirectoryStore(root, { files: cut.process() }, signal);
    else await createDirectoryRoot(root, { files: cut.process() }, signal);
    assert.equal(answered, dieAt === whole.operations);
  }
});

test("temporaries that crashed runs left go a day later, those of running ones stay", async () => {
  const disk = await newDisk();
  for (let dieAt = 0; dieAt < 20; dieAt++) {
    const dying = openDirectoryStore(root, { files: disk.process(dieAt) }, signal);
    await assert.rejects(dying.then((store) => store.put(`key-${dieAt}`, [utf8("body")], {}, signal)));
  }
  const files = disk.process();
  const left = async (): Promise<number> => {
    let single = 0;
    for (const { name } of await files.readFolder(`${root}/.tmp`)) {
      if ((await files.stat(`${root}/.tmp/${name}`)).links === 1) single++;
    }
    return single;
  };
  const before = await left();
  assert.ok(before > 3);
  await openDirectoryStore(root, { files }, signal);
  assert.equal(await left(), before);
  disk.advance(25 * 60 * 60 * 1000);
  await openDirectoryStore(root, { files }, signal);
  assert.equal(await left(), 0);
});
