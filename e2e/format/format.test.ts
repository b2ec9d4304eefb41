import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";

import { hex } from "#bytes/text.ts";
import { sha256 } from "#crypto/derive.ts";
import { isLockstepError } from "#errors/errors.ts";
import type { Store } from "#store/contract.ts";
import { openDirectoryStore } from "#store/directory.ts";
import { seededRandom } from "#testing/random.ts";
import { keyringDeps, passphraseOf } from "#testing/vaults/keyring-deps.ts";
import { readBack } from "#testing/vaults/vault-bench.ts";
import { parseKeyFile } from "#vault/keyring/key-file.ts";
import { openKeyring } from "#vault/keyring/keyring-open.ts";
import { logKeyring } from "#vault/keyring/log-keyring.ts";
import type { UnlockSecret } from "#vault/keyring/unlock-way.ts";
import type { Log } from "#vault/log/log.ts";
import { listMachines } from "#vault/log/roster.ts";
import { verifyLog } from "#vault/log/summary-check.ts";
import { readBody } from "#vault/point-body.ts";
import { openMachine } from "#vault/vault.ts";
import type { Vault } from "#vault/vault.ts";

import { makeVault, PASSPHRASE } from "./make-vault.ts";
import type { Digests } from "./make-vault.ts";
import { jsonOf, pythonOr } from "./python.ts";

const kept = join(import.meta.dirname, "vault-v1");
const keptKey = `${kept}.key`;
const keptDigests = JSON.parse(readFileSync(`${kept}.json`, "utf8")) as Digests;
const { signal } = new AbortController();
const modules = ["cryptography", "zstandard"];

test("the kept vault of version 1 is the one that was kept: it is never made again, a new version gets another", () => {
  const hash = createHash("sha256");
  for (const key of [...objectsIn(kept), "../vault-v1.key", "../vault-v1.json"]) {
    const bytes = readFileSync(join(kept, key));
    hash.update(`${key} ${bytes.length}\n`).update(bytes);
  }
  assert.equal(hash.digest("hex"), "19fff2bc96f947bd0ecaca8d66c75be404981d1c7d6cf502be708f4984daf19f");
});

test("every disk of every point of the kept vault reads as it was backed up, whichever way opens it", async (t) => {
  const folder = copyOfKept(t);
  for (const secret of [keyFileSecret(keptKey), passphraseOf(PASSPHRASE)]) {
    await using store = await openDirectoryStore(folder, {}, signal);
    const { vault, logs } = await openVault(store, secret);
    assert.deepEqual(await digestsOf(vault, logs), keptDigests);
  }
});

test("the kept vault's logs fold to what its summaries say, and nothing of it is damaged", async (t) => {
  await using store = await openDirectoryStore(copyOfKept(t), {}, signal);
  const { vault, logs } = await openVault(store, keyFileSecret(keptKey));
  for (const log of logs) {
    const { wrong, warnings } = await verifyLog(
      { store, keys: vault.keyring.keys, machine: log.machine },
      () => undefined,
      signal,
    );
    assert.deepEqual([wrong, warnings, log.warnings], [[], [], []]);
  }
});

test("a reader written from the pages alone finds the same in the kept vault", async (t) => {
  const python = pythonOr(t, modules);
  if (python === null) return;
  const folder = copyOfKept(t);
  assert.deepEqual(jsonOf(python("reader", "digests", folder, keptKey)), keptDigests);
  await using store = await openDirectoryStore(folder, {}, signal);
  const { vault, logs } = await openVault(store, keyFileSecret(keptKey));
  assert.deepEqual(jsonOf(python("reader", "points", folder, keptKey)), await pointsOf(vault, logs));
});

test("a reader written from the pages alone finds in a new vault what was backed up, and writes a disk of it", async (t) => {
  const python = pythonOr(t, modules);
  if (python === null) return;
  const folder = newFolder(t);
  const [vault, key] = [join(folder, "vault"), join(folder, "key")];
  const digests = await makeVault(vault, key, "another vault");
  assert.deepEqual(jsonOf(python("reader", "digests", vault, key)), digests);
  for (const [point, disks] of Object.entries(digests)) {
    for (const [name, digest] of Object.entries(disks)) {
      const path = join(folder, `${point}-${name}`);
      jsonOf(python("reader", "write", vault, key, point, name, path));
      assert.equal(hex(sha256(readFileSync(path))), digest);
    }
  }
});

test("the reader gets round damage where there is a second copy, and refuses what has none", (t) => {
  const python = pythonOr(t, modules);
  if (python === null) return;
  const folder = copyOfKept(t);
  for (const [kind, key] of oneOfEachKind()) {
    const path = join(folder, key);
    const whole = readFileSync(path);
    const at = kind === "data" ? 4096 : whole.length - 30;
    writeFileSync(path, whole.with(at, (whole[at] ?? 0) ^ 1));
    const said = python("reader", "digests", folder, keptKey);
    if (kind === "data") assert.match(said.stderr, /^Corrupt: slot 0 of .* is damaged/);
    else assert.deepEqual(jsonOf(said), keptDigests, `${kind}: ${said.stderr}`);
    writeFileSync(path, whole);
  }
});

test("a vault of version 2 is refused as newer, and so is one with a feature that nobody knows", async (t) => {
  const python = pythonOr(t, modules);
  const folder = copyOfKept(t);
  const text = readFileSync(join(folder, "vault.json"), "utf8");
  for (const [from, to] of [
    ['"version": 1', '"version": 2'],
    ['"incompatible": []', '"incompatible": ["mirrors"]'],
  ] as const) {
    overwrite(folder, "vault.json", text.replace(from, to));
    await using store = await openDirectoryStore(folder, {}, signal);
    await assert.rejects(openVault(store, keyFileSecret(keptKey)), { code: "VAULT_NEWER" });
    if (python !== null) assert.match(python("reader", "points", folder, keptKey).stderr, /^Newer: /);
  }
});

test("an entry or a segment with a version or a flag that nobody knows is refused: as newer, or as damaged where its seal shows that it is not", async (t) => {
  const python = pythonOr(t, modules);
  for (const [kind, key] of oneOfEachKind()) {
    if (kind !== "log" && kind !== "nodes" && kind !== "data") continue;
    const whole = readFileSync(join(kept, key));
    for (const changed of [whole.with(12, 2), whole.with(16, (whole[16] ?? 0) | 0x80)]) {
      const folder = copyOfKept(t);
      overwrite(folder, key, changed);
      await using store = await openDirectoryStore(folder, {}, signal);
      const reading = async (): Promise<unknown> => {
        const { vault, logs } = await openVault(store, keyFileSecret(keptKey));
        return digestsOf(vault, logs);
      };
      const refused = (error: unknown): boolean =>
        isLockstepError(error, "VAULT_NEWER", "BLOCK_DAMAGED", "LOG_CORRUPT");
      await assert.rejects(reading(), refused, kind);
      if (python !== null) assert.match(python("reader", "digests", folder, keptKey).stderr, /^Newer: /, kind);
    }
  }
});

type Opened = { readonly vault: Vault; readonly logs: readonly Log[] };

async function openVault(store: Store, secret: UnlockSecret): Promise<Opened> {
  const opened = await openKeyring(store, secret, keyringDeps("format"), signal);
  assert.deepEqual(opened.warnings, []);
  const keyring = logKeyring(store, opened);
  const vault: Vault = {
    store,
    keyring,
    now: () => Temporal.Instant.from("2027-01-01T00:00:00Z"),
    random: seededRandom("format"),
    retry: { attempts: 1, delayMs: () => 0, sleep: () => Promise.resolve() },
    host: "test",
    program: "test",
  };
  const { machines } = await listMachines({ store, keys: opened.keys }, signal);
  return { vault, logs: await Promise.all(machines.map((machine) => openMachine(vault, machine, null, signal))) };
}

/** Reads every disk of every point. */
async function digestsOf(vault: Vault, logs: readonly Log[]): Promise<Digests> {
  const digests: Record<string, Record<string, string>> = {};
  for (const log of logs) {
    for (const point of log.fold.points.values()) {
      const disks: Record<string, string> = {};
      for (const { disk, name } of point.disks) {
        const definition = log.fold.machine.disks.find(({ id }) => id === disk);
        assert.ok(definition);
        disks[name] = hex(sha256((await readBack(vault, log, point, definition)).bytes));
      }
      digests[point.point] = disks;
    }
  }
  return digests;
}

/** What `reader points` prints, as this program sees it. */
async function pointsOf(vault: Vault, logs: readonly Log[]): Promise<Record<string, unknown>> {
  const points: Record<string, unknown> = {};
  for (const { machine, fold } of logs) {
    for (const point of fold.points.values()) {
      const { capturedAt, consistency, dateDoubtful, deleted } = point;
      const body = await readBody(vault, machine, point, signal);
      const disks = point.disks.map(({ name, sizeBytes }, index) => {
        const { unreadable, torn } = body.disks[index] ?? {};
        return { name, sizeBytes, unreadable, torn };
      });
      const { name } = fold.machine;
      points[point.point] = {
        machine: name,
        capturedAt,
        consistency,
        deleted: deleted !== null,
        dateDoubtful,
        disks,
      };
    }
  }
  return points;
}

function keyFileSecret(path: string): UnlockSecret {
  return { kind: "keyfile", key: parseKeyFile(path, readFileSync(path)) };
}

/** The keys of all objects in a folder, in order. */
function objectsIn(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return names.filter((name) => statSync(join(folder, name)).isFile()).toSorted();
}

/** An object of each kind that reading the kept vault needs. */
function oneOfEachKind(): (readonly [kind: string, key: string])[] {
  const kinds = ["vault.json", "keyring", "roster", "log", "points", "nodes", "data"];
  const keys = objectsIn(kept).filter((key) => !key.startsWith("copies/"));
  return kinds.map((kind) => {
    const key = keys.findLast((each) => each.split("/").includes(kind));
    assert.ok(key !== undefined, kind);
    return [kind, key];
  });
}

/** Changes an object and its second copy. */
function overwrite(folder: string, key: string, content: string | Uint8Array): void {
  for (const path of [join(folder, key), join(folder, "copies", key)]) {
    if (existsSync(path)) writeFileSync(path, content);
  }
}

/** The kept vault, to be opened: opening may put lost objects back, and must not touch what is kept. */
function copyOfKept(t: TestContext): string {
  const folder = join(newFolder(t), "vault");
  cpSync(kept, folder, { recursive: true });
  return folder;
}

function newFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "lockstep-e2e-format-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}
