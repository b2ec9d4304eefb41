import assert from "node:assert/strict";
import { existsSync, readSync } from "node:fs";
import { mkdir, mkdtemp, readFile, readdir, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { alignedBuffer, concat } from "#bytes/arrays.ts";
import { utf8 } from "#bytes/text.ts";
import { LARGE_BYTES } from "#store/contract-suite.ts";
import { createDirectoryRoot } from "#store/directory-root.ts";
import { openDirectoryStore } from "#store/directory.ts";
import type { Files, OpenFile, OpenMode } from "#store/files.ts";
import { nodeFiles } from "#store/node-files.ts";
import { retrying } from "#store/retrying.ts";
import { describeStore } from "#testing/stores/describe-store.ts";
import type { TestStore } from "#testing/stores/describe-store.ts";

const { signal } = new AbortController();

async function newRoot(under = tmpdir(), files = nodeFiles): Promise<TestStore & { readonly root: string }> {
  const parent = await mkdtemp(join(under, "lockstep-store-"));
  const root = join(parent, "vault");
  await createDirectoryRoot(root, { files }, signal);
  return {
    root,
    open: () => openDirectoryStore(root, { files }, signal),
    [Symbol.asyncDispose]: () => rm(parent, { recursive: true }),
  };
}

function failure(code: string): Error {
  return Object.assign(new Error(`${code}: as the test wants`), { code });
}

/** The host's files with other operations, and other operations of what is opened in the given modes. */
function filesWith(
  changes: Partial<Files>,
  ofFile: Partial<OpenFile> = {},
  modes: readonly OpenMode[] = ["create", "read", "read-direct", "write-direct"],
): Files {
  const open: Files["open"] = async (path, mode) => {
    const file = await nodeFiles.open(path, mode);
    return {
      descriptor: file.descriptor,
      read: (into, offsetBytes) => file.read(into, offsetBytes),
      write: (bytes, offsetBytes) => file.write(bytes, offsetBytes),
      sync: () => file.sync(),
      stat: () => file.stat(),
      isCached: (offsetBytes) => file.isCached(offsetBytes),
      close: () => file.close(),
      ...(modes.includes(mode) ? ofFile : {}),
    };
  };
  return { ...nodeFiles, open, ...changes };
}

const noLinks = filesWith({ link: () => Promise.reject(failure("EPERM")) });

describeStore("a directory store", () => newRoot(), LARGE_BYTES);
describeStore("a directory store on a file system without hard links", () => newRoot(tmpdir(), noLinks));
if (existsSync("/dev/shm")) describeStore("a directory store in memory", () => newRoot("/dev/shm"));

test("an object is the file of its key, and no temporary stays", async () => {
  await using at = await newRoot();
  await using store = await at.open();
  await store.put("a/b", [utf8("one "), utf8("two")], {}, signal);
  await store.put("a/b", [utf8("three")], {}, signal);
  assert.equal(await readFile(join(at.root, "a/b"), "utf8"), "one two");
  assert.deepEqual(await readdir(join(at.root, ".tmp")), []);
  assert.equal((await stat(join(at.root, "a/b"))).nlink, 1);
});

test("no key is the folder of another", async () => {
  await using at = await newRoot();
  await using store = await at.open();
  await store.put("a/b", [], {}, signal);
  await assert.rejects(store.put("a", [], {}, signal), { code: "STORE_DENIED" });
  await assert.rejects(store.put("a/b/c", [], {}, signal), { code: "STORE_DENIED" });
  await assert.rejects(store.put("a/b/c/d", [], {}, signal), { code: "STORE_DENIED" });
  assert.deepEqual(await readdir(join(at.root, ".tmp")), []);
});

test("a link that leads nowhere, or to itself, is no object, and a put over it ends", async () => {
  await using at = await newRoot();
  await using store = await at.open();
  for (const [key, target] of [
    ["away", "nowhere"],
    ["self", "self"],
  ] as const) {
    await symlink(target, join(at.root, key));
    assert.deepEqual([await store.get(key, 1, signal), await store.stat(key, signal)], [null, null]);
    await assert.rejects(store.put(key, [], {}, signal), { code: "STORE_DENIED", message: /is no object/ });
  }
  assert.deepEqual(await readdir(join(at.root, ".tmp")), []);
});

test("a root that is not there, or no folder, is a missing store", async () => {
  await using at = await newRoot();
  await writeFile(join(at.root, "file"), "");
  for (const path of [join(at.root, "none"), join(at.root, "file"), join(at.root, "file/below")]) {
    await assert.rejects(openDirectoryStore(path, {}, signal), { code: "STORE_MISSING" });
  }
  await assert.rejects(createDirectoryRoot(join(at.root, "file"), {}, signal), { code: "ARGUMENT_INVALID" });
});

test("a root that goes away, as an unmounted disk does, is never taken for an empty store", async () => {
  await using at = await newRoot();
  await using store = await at.open();
  await store.put("a/b", [utf8("x")], {}, signal);
  await rename(at.root, `${at.root}-unmounted`);
  await mkdir(at.root);
  const missing = { code: "STORE_MISSING" };
  await assert.rejects(store.get("a/b", 10, signal), missing);
  await assert.rejects(store.read("a/b", 0, new Uint8Array(1), signal), missing);
  await assert.rejects(store.stat("a/b", signal), missing);
  await assert.rejects(store.delete("a/b", signal), missing);
  await assert.rejects(store.put("a/c", [], {}, signal), missing);
  await assert.rejects(Array.fromAsync(store.list("a/", {}, signal)), missing);
  assert.deepEqual(await readdir(at.root), []);
});

test("folders that somebody removed are made again by the next try", async () => {
  await using at = await newRoot();
  await using store = await at.open();
  await store.put("a/b/c", [], {}, signal);
  await rm(join(at.root, "a"), { recursive: true });
  await rm(join(at.root, ".tmp"), { recursive: true });
  await assert.rejects(store.put("a/b/c", [], {}, signal), { code: "STORE_UNAVAILABLE" });
  assert.equal(await store.put("a/b/c", [], {}, signal), "created");
});

test("files that are no objects are not listed", async () => {
  await using at = await newRoot();
  await using store = await at.open();
  await store.put("a/b", [], {}, signal);
  await mkdir(join(at.root, "lost+found"));
  await writeFile(join(at.root, "lost+found", "x"), "");
  await writeFile(join(at.root, "README.txt"), "");
  await writeFile(join(at.root, "a", ".hidden"), "");
  await symlink("b", join(at.root, "a", "link"));
  const listed = await Array.fromAsync(store.list("", {}, signal), ({ key }) => key);
  assert.deepEqual(listed, ["a/b"]);
});

test("a list reads only the folders that its prefix and start leave", async () => {
  const read: string[] = [];
  const files = filesWith({
    readFolder: (path) => {
      read.push(path);
      return nodeFiles.readFolder(path);
    },
  });
  await using at = await newRoot(tmpdir(), files);
  await using store = await at.open();
  for (const key of ["a/1/x", "a/2/x", "b/1/x", "b/2/x", "c/x"]) await store.put(key, [], {}, signal);
  const foldersRead = async (prefix: string, after: string): Promise<string[]> => {
    read.length = 0;
    await Array.fromAsync(store.list(prefix, { after }, signal));
    return read.map((path) => path.slice(at.root.length));
  };
  assert.deepEqual(await foldersRead("b/1/", ""), ["/b/1"]);
  assert.deepEqual(await foldersRead("b/", "b/1/x"), ["/b", "/b/1", "/b/2"]);
  assert.deepEqual(await foldersRead("", "b/2"), ["", "/b", "/b/2", "/c"]);
});

test("a full file system is told, and takes no room", async () => {
  for (const code of ["ENOSPC", "EDQUOT"]) {
    await using at = await newRoot(tmpdir(), filesWith({}, { write: () => Promise.reject(failure(code)) }));
    await using store = await at.open();
    await assert.rejects(store.put("a/b", [utf8("x")], {}, signal), { code: "STORE_FULL", message: /write a\/b to/ });
    assert.deepEqual(await readdir(join(at.root, ".tmp")), []);
    assert.equal(await store.get("a/b", 10, signal), null);
  }
});

test("each failure of the file system has its code", async () => {
  for (const [failing, code] of [
    ["EACCES", "STORE_DENIED"],
    ["EPERM", "STORE_DENIED"],
    ["EROFS", "STORE_DENIED"],
    ["EIO", "STORE_UNAVAILABLE"],
    ["ESTALE", "STORE_UNAVAILABLE"],
    ["EMFILE", "STORE_UNAVAILABLE"],
  ] as const) {
    const reject = (): Promise<never> => Promise.reject(failure(failing));
    await using at = await newRoot(tmpdir(), nodeFiles);
    const open: Files["open"] = (path, mode) => (path.endsWith("b") ? nodeFiles.open(path, mode) : reject());
    const files = { ...nodeFiles, open, unlink: reject };
    await using store = await openDirectoryStore(at.root, { files }, signal);
    await assert.rejects(store.put("a", [], {}, signal), { code }, failing);
    await assert.rejects(store.get("a", 1, signal), { code }, failing);
    await assert.rejects(store.read("a", 0, new Uint8Array(1), signal), { code }, failing);
    await assert.rejects(store.delete("a", signal), { code }, failing);
  }
});

test("a put whose folder cannot be synced is not settled, whatever the reason", async () => {
  let failing = false;
  const syncFolder: Files["syncFolder"] = (path) =>
    failing ? Promise.reject(failure("EACCES")) : nodeFiles.syncFolder(path);
  await using at = await newRoot(tmpdir(), filesWith({ syncFolder }));
  await using store = await at.open();
  failing = true;
  await assert.rejects(store.put("a", [utf8("x")], {}, signal), { code: "STORE_UNAVAILABLE" });
  failing = false;
  assert.equal(await store.put("a", [utf8("x")], {}, signal), "exists");
});

test("a file system without hard links and without a safe rename is refused", async () => {
  const files = filesWith({
    link: () => Promise.reject(failure("EOPNOTSUPP")),
    renameToNew: () => Promise.reject(failure("EINVAL")),
  });
  await using at = await newRoot(tmpdir(), files);
  await using store = await at.open();
  await assert.rejects(store.put("a", [], {}, signal), { code: "STORE_BROKEN", hint: /ext4/ });
  assert.deepEqual(await readdir(join(at.root, ".tmp")), []);
});

test("a link that worked but was answered as taken, as NFS may, is ours", async () => {
  const link: Files["link"] = async (from, to) => {
    await nodeFiles.link(from, to);
    throw failure("EEXIST");
  };
  await using at = await newRoot(tmpdir(), filesWith({ link }));
  await using store = await at.open();
  assert.equal(await store.put("a", [utf8("x")], {}, signal), "created");
});

test("where direct writes and reads are refused midway, the cache serves", async () => {
  const refuse = (): Promise<never> => Promise.reject(failure("EINVAL"));
  const isCached = (): boolean => false;
  const direct = filesWith({}, { read: refuse, write: refuse }, ["read-direct", "write-direct"]);
  const files = filesWith({}, { isCached }, ["read"]);
  const open: Files["open"] = (path, mode) => (mode === "read" ? files : direct).open(path, mode);
  await using at = await newRoot(tmpdir(), { ...nodeFiles, open });
  await using store = await at.open();
  const bulk = alignedBuffer(20 * 1024 * 1024).fill(5);
  await store.put("bulk", [bulk, utf8("tail")], {}, signal);
  const into = alignedBuffer(bulk.length + 4096);
  assert.equal(await store.read("bulk", 0, into, signal), bulk.length + 4);
  assert.deepEqual(into.slice(0, bulk.length + 4), concat(bulk, utf8("tail")));
});

test("an object that was replaced by hand is read as it is now", async () => {
  await using at = await newRoot();
  await using store = await at.open();
  await store.put("a", [utf8("old")], {}, signal);
  const into = new Uint8Array(3);
  await store.read("a", 0, into, signal);
  await rm(join(at.root, "a"));
  await writeFile(join(at.root, "a"), "new");
  await store.read("a", 0, into, signal);
  assert.deepEqual(into, utf8("new"));
});

test("an object in the page cache is lent as a file, also through what retries; others are not", async () => {
  await using at = await newRoot();
  await using store = await at.open();
  await store.put("a", [utf8("lent bytes")], {}, signal);
  await store.get("a", 100, signal); // it is cached then
  const retry = { attempts: 1, delayMs: () => 0, sleep: () => Promise.resolve() };
  for (const each of [store, retrying(store, retry)]) {
    const into = new Uint8Array(100);
    const length = await each.lend?.(
      "a",
      (descriptor) => Promise.resolve(readSync(descriptor, into, 0, 100, 0)),
      signal,
    );
    assert.deepEqual(into.subarray(0, length ?? 0), utf8("lent bytes"));
    assert.equal(await each.lend?.("none", () => Promise.resolve(1), signal), null);
  }
  const bug = new Error("the borrower's own");
  await assert.rejects(store.lend?.("a", () => Promise.reject(bug), signal) ?? assert.fail(), (error) => error === bug);
  const cold = filesWith({}, { isCached: () => false }, ["read"]);
  await using other = await openDirectoryStore(at.root, { files: cold }, signal);
  assert.equal(await other.lend?.("a", () => Promise.resolve(1), signal), null);
});

test("a store on a read-only file system is read, with what a crashed run left in it", async () => {
  await using at = await newRoot();
  await (await at.open()).put("a", [utf8("x")], {}, signal);
  await writeFile(join(at.root, ".tmp/left"), "");
  const refuse = (): Promise<never> => Promise.reject(failure("EROFS"));
  const open: Files["open"] = (path, mode) => (mode === "create" ? refuse() : nodeFiles.open(path, mode));
  const files = { ...nodeFiles, open, unlink: refuse };
  await using store = await openDirectoryStore(at.root, { files }, signal);
  assert.deepEqual(await store.get("a", 10, signal), utf8("x"));
  assert.deepEqual(await Array.fromAsync(store.list("", {}, signal)), [{ key: "a", sizeBytes: 1 }]);
  await assert.rejects(store.put("b", [], {}, signal), { code: "STORE_DENIED" });
});

test("many objects can be read at once, and again, with few descriptors", async () => {
  let open = 0;
  let most = 0;
  const counted: Files["open"] = async (path, mode) => {
    const file = await nodeFiles.open(path, mode);
    most = Math.max(most, ++open);
    return {
      descriptor: file.descriptor,
      read: (into, offsetBytes) => file.read(into, offsetBytes),
      write: (bytes, offsetBytes) => file.write(bytes, offsetBytes),
      sync: () => file.sync(),
      stat: () => file.stat(),
      isCached: (offsetBytes) => file.isCached(offsetBytes),
      close: () => {
        open--;
        return file.close();
      },
    };
  };
  await using at = await newRoot(tmpdir(), { ...nodeFiles, open: counted });
  const store = await at.open();
  const keys = Array.from({ length: 300 }, (_, index) => `key-${index}`);
  for (const key of keys) await writeFile(join(at.root, key), key);
  for (let round = 0; round < 2; round++) {
    for (const key of keys) {
      const into = new Uint8Array(key.length);
      await Promise.all([store.read(key, 0, new Uint8Array(1), signal), store.read(key, 0, into, signal)]);
      assert.deepEqual(into, utf8(key));
    }
  }
  assert.ok(open <= 256 && most <= 258, `${open} open, at most ${most}`);
  await store[Symbol.asyncDispose]();
  assert.equal(open, 0);
});
