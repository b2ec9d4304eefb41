import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { readMemory, readOwnFiles, readRoom, vaultKeyFiles } from "#ops/doctor/doctor-read.ts";
import type { OwnPlaces } from "#ops/doctor/doctor-read.ts";
import { storageBelow, storageOf } from "#ops/doctor/doctor-storage.ts";

function ownPlaces(t: { after: (work: () => void) => void }): OwnPlaces {
  const folder = mkdtempSync(join(tmpdir(), "lockstep-doctor-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const state = join(folder, "state");
  mkdirSync(join(state, "vaults"), { recursive: true });
  return {
    config: join(folder, "config.toml"),
    state,
    keysFolder: join(state, "keys"),
    keyFile: join(state, "key-store.key"),
    tokens: [join(state, "identities/backup.token")],
    passphraseFile: null,
    vault: null,
  };
}

test("a host's own files are found with their permissions; what is not there is left out", async (t) => {
  const places = ownPlaces(t);
  const key = join(places.state, "vaults/0f.key");
  writeFileSync(key, "");
  chmodSync(key, 0o640);
  const unseen: string[] = [];
  const files = await readOwnFiles(places, unseen);
  const uid = process.geteuid?.() ?? 0;
  assert.deepEqual(
    files.find(({ path }) => path === key),
    { path: key, kind: "secret", mode: 0o640, uid, ownerUid: uid },
  );
  assert.ok(!files.some(({ path }) => path.endsWith(".token") || path.includes("/keys")));
  assert.deepEqual(await vaultKeyFiles(places.state), [key]);
  assert.deepEqual(unseen, []);
});

test("room is that of the file system, and of folders that are there", async (t) => {
  const places = ownPlaces(t);
  const room = await readRoom(places, []);
  assert.deepEqual(
    room.map(({ path }) => path),
    [places.state],
  );
  assert.ok((room[0]?.freeBytes ?? 0) > 0);
});

test("the limit of core files is the kernel's word", async () => {
  assert.match((await readMemory([])).coreLimit, /^(\d+|unlimited)$/);
});

test("a file lies on what its folder lies on, and is itself known by its inode", async (t) => {
  const { state } = ownPlaces(t);
  const file = join(state, "disk.raw");
  writeFileSync(file, "");
  assert.deepEqual((await storageBelow(file)).below, (await storageBelow(state)).below);
  assert.match((await storageOf(file)) ?? "", /^file \d+:\d+$/);
  assert.equal(await storageOf(join(state, "none")), null);
});
