import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, readdir, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { utf8 } from "#bytes/text.ts";
import { ObjectCache } from "#store/object-cache.ts";

let root = "";
let clock = Temporal.Instant.from("2026-11-23T14:05:00Z");
before(async () => {
  root = await mkdtemp(join(tmpdir(), "lockstep-cache-"));
});
after(() => rm(root, { recursive: true }));

/** Caches on a folder of their own; each is as another process. */
async function newFolder(): Promise<{ folder: string; cache: (limitBytes?: number, storeId?: string) => ObjectCache }> {
  const folder = await mkdtemp(join(root, "cache-"));
  return { folder, cache: (limitBytes, storeId) => cacheIn(folder, limitBytes, storeId) };
}

function cacheIn(folder: string, limitBytes = 1_000_000, storeId = "vault"): ObjectCache {
  const now = (): Temporal.Instant => (clock = clock.add({ seconds: 1 }));
  return new ObjectCache(folder, { storeId, limitBytes, now, random: (length) => randomBytes(length) });
}

async function sizeOfAll(folder: string): Promise<number> {
  const sizes = (await readdir(folder)).map(async (name) => (await stat(join(folder, name))).size);
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

test("what is kept is got, by other processes too, and by no other key or store", async () => {
  const { cache } = await newFolder();
  await cache().put("a", utf8("body"));
  await cache().put("empty", new Uint8Array());
  assert.deepEqual(await cache().get("a", 4), utf8("body"));
  assert.deepEqual(await cache().get("empty", 0), new Uint8Array());
  assert.equal(await cache().get("b", 4), null);
  assert.equal(await cache(1000, "other vault").get("a", 4), null);
  assert.equal(await cache().get("a", 3), null);
  await cache().drop("a");
  assert.equal(await cache().get("a", 4), null);
});

test("a file that was damaged or cut anywhere is a miss, and goes", async () => {
  const { cache, folder } = await newFolder();
  for (const damage of [
    async (path: string) => writeFile(path, (await readFile(path)).with(2, 0xff)),
    async (path: string) => writeFile(path, (await readFile(path)).with(-1, 0xff)),
    (path: string) => truncate(path, 20),
    (path: string) => truncate(path, 0),
  ]) {
    await cache().put("a", utf8("body"));
    const [name = ""] = await readdir(folder);
    await damage(join(folder, name));
    assert.equal(await cache().get("a", 100), null);
    assert.deepEqual(await readdir(folder), []);
  }
});

test("beyond the limit, what was used longest ago goes, and nothing that is not the cache's", async () => {
  const { cache, folder } = await newFolder();
  await writeFile(join(folder, "notes.txt"), "of a person");
  const small = cache(1000);
  for (const key of ["a", "b", "c"]) await small.put(key, new Uint8Array(200));
  await small.get("a", 200);
  for (const key of ["d", "e"]) await small.put(key, new Uint8Array(200));
  const kept = [];
  for (const key of ["a", "b", "c", "d", "e"]) if ((await cache(1000).get(key, 200)) !== null) kept.push(key);
  assert.deepEqual(kept, ["a", "c", "d", "e"]);
  assert.ok((await readdir(folder)).includes("notes.txt"));
  await small.put("too large", new Uint8Array(1000));
  assert.equal(await small.get("too large", 1000), null);
});

test("two processes that fill it stay within the limit, but for a sixteenth each", async () => {
  const { cache, folder } = await newFolder();
  const both = [cache(20_000), cache(20_000)];
  for (let round = 0; round < 100; round++) {
    await Promise.all(both.map((each, index) => each.put(`${index}/${round}`, new Uint8Array(500))));
  }
  const used = await sizeOfAll(folder);
  assert.ok(used > 10_000 && used <= 22_500 + 532 * 2, `${used} bytes`);
});

test("processes that put and get the same key at once see it whole or not at all", async () => {
  const { cache, folder } = await newFolder();
  const bodies = [new Uint8Array(50_000).fill(1), new Uint8Array(50_000).fill(1)];
  const [first, second] = [cache(), cache()];
  const got: (Uint8Array | null)[] = [];
  for (let round = 0; round < 20; round++) {
    const answers = await Promise.all([
      first.put("a", bodies[0]!),
      second.put("a", bodies[1]!),
      first.get("a", 50_000),
      second.get("a", 50_000),
    ]);
    got.push(answers[2], answers[3]);
  }
  for (const bytes of got) if (bytes !== null) assert.deepEqual(bytes, bodies[0]);
  assert.equal((await readdir(folder)).length, 1);
});

test("the folder may go at any time, and come back", async () => {
  const { cache, folder } = await newFolder();
  const one = cache();
  await one.put("a", utf8("body"));
  await rm(folder, { recursive: true });
  assert.equal(await one.get("a", 4), null);
  await one.drop("a");
  await one.put("a", utf8("body"));
  assert.deepEqual(await one.get("a", 4), utf8("body"));
});

test("where nothing can be written, nothing is kept and nothing fails", async () => {
  const file = join(root, "file");
  await writeFile(file, "");
  const broken = cacheIn(join(file, "cache"));
  await broken.put("a", utf8("body"));
  assert.equal(await broken.get("a", 4), null);
  await broken.drop("a");
});
