import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";

import { utf8 } from "#bytes/text.ts";
import type { KeyClient } from "#client/key-client.ts";
import { importKeys } from "#ops/keys/import-keys.ts";
import type { Imported } from "#ops/keys/import-keys.ts";
import { outlookOf } from "#ops/keys/match-disk.ts";
import { placeDisks } from "#ops/machines/disk-places.ts";
import { parseSecretList } from "#ops/secrets/secret-list.ts";
import { testKeySide } from "#testing/keys/key-side.ts";
import type { TestKeySide } from "#testing/keys/key-side.ts";
import { cheapKdf, recoveryText } from "#testing/volumes/bitlocker-entry-maker.ts";
import { makeBitlocker } from "#testing/volumes/bitlocker-maker.ts";
import { sampleVolume } from "#testing/volumes/luks1-sample.ts";
import { luks2Sample } from "#testing/volumes/luks2-sample.ts";
import { Pbkdf2Deriver } from "#testing/volumes/pbkdf2-deriver.ts";
import { defaultCostLimit } from "#volume/header/kdf-cost.ts";
import type { KeyDeriver } from "#volume/header/kdf.ts";

const { signal } = new AbortController();

const shorts = [1, 2, 3, 4, 5, 6, 7, 8];
const otherShorts = [8, 7, 6, 5, 4, 3, 2, 1];
const keyId = "4f2a91c0-52d1-4b0e-9c33-0a1b2c3d4e5f";
const otherKeyId = "b7aa2d14-0c5e-4f7f-8d61-91a2b3c4d5e6";
const bitlocker = makeBitlocker({
  protectors: [
    { guid: otherKeyId, kind: "recovery-password", shorts: otherShorts },
    { guid: keyId, kind: "recovery-password", shorts },
  ],
}).image;

/** Derives what the volumes that were made here ask for, and counts. */
class MadeDeriver implements KeyDeriver {
  derived = 0;
  readonly #luks = new Pbkdf2Deriver();

  derive(...given: Parameters<KeyDeriver["derive"]>): ReturnType<KeyDeriver["derive"]> {
    this.derived++;
    return (given[0].kind === "bitlocker" ? cheapKdf : this.#luks).derive(...given);
  }
}

/** Images web01 (LUKS2: "first", "second"), db01 (LUKS1) and dc01 (BitLocker) in a folder, and a key side. */
async function world(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), "lockstep-import-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const side = await testKeySide();
  t.after(() => side[Symbol.dispose]());
  const kdf = new MadeDeriver();
  Object.assign(side.side, { kdf: new MadeDeriver() });
  const images = { web01: luks2Sample.copy().written(), db01: sampleVolume, dc01: bitlocker };
  const paths = Object.entries(images).map(([name, bytes]) => {
    const path = join(folder, `${name}.raw`);
    writeFileSync(path, bytes);
    return path;
  });
  const client: KeyClient = { call: (name, input) => side.as("custodian", name, input) };
  const run = async (list: string, more: { onlyMatching?: boolean; paths?: readonly string[] } = {}) => {
    const secrets = await parseSecretList(utf8(list), "old.csv", () => Promise.reject(new Error("no file")));
    const chosen = more.paths ?? paths;
    const places = placeDisks(chosen, [], "host1");
    const disks = await Promise.all(
      chosen.map((path) => {
        const place = places.get(path) ?? { machine: "", disk: "" };
        return outlookOf({ path, ...place }, secrets, signal);
      }),
    );
    const request = { secrets, disks, onlyMatching: more.onlyMatching === true };
    const terms = { kdf, limit: defaultCostLimit };
    return importKeys(client, request, terms, () => undefined, signal);
  };
  return { side, kdf, client, run, folder, paths };
}

/** The lines, and what became of them. */
function storedWords({ secrets }: Imported): string[] {
  return [...secrets].map(
    ([{ line }, { version, isNew, failure }]) => `${line} ${version?.name ?? failure} ${isNew ? "new" : "there"}`,
  );
}

/** The volumes, and what they are bound to. */
function boundWords({ volumes }: Imported): string[] {
  return volumes.map(
    ({ place, bindings }) =>
      `${place.machine}: ${bindings.map(({ version, protectorId }) => `${version} ${protectorId}`).join(", ")}`,
  );
}

async function notes({ side }: { side: TestKeySide }): Promise<string[]> {
  const { keys } = await side.as("custodian", "key.list", {});
  return keys.flatMap(({ versions }) => versions.map(({ name, note }) => `${name}: ${note}`));
}

test("keys are stored under the names of the machines that they open, and bound; run twice, nothing is new", async (t) => {
  const { side, run } = await world(t);
  const list = `name,secret,note\n,first,from the wiki\nfoo,nothing,\n,${recoveryText(shorts)},\n`;
  const once = await run(list);
  assert.deepEqual(storedWords(once), ["2 web01/v1 new", "3 foo/v1 new", "4 dc01/v1 new"]);
  assert.deepEqual(boundWords(once), ["web01: web01/v1 keyslot 0", "db01: ", `dc01: dc01/v1 ${keyId}`]);
  assert.ok(once.volumes.every(({ bindings }) => bindings.every(({ source }) => source === "import")));
  assert.deepEqual(await notes({ side }), [
    "dc01/v1: old.csv, line 4",
    "foo/v1: old.csv, line 3 (foo); opened nothing that it was tried on",
    "web01/v1: old.csv, line 2; from the wiki",
  ]);
  const again = await run(list);
  assert.deepEqual(storedWords(again), ["2 web01/v1 there", "3 foo/v1 there", "4 dc01/v1 there"]);
  assert.deepEqual(
    again.volumes.map(({ bindings }) => bindings),
    once.volumes.map(({ bindings }) => bindings),
  );
});

test("with --only-matching, what opens nothing is not stored", async (t) => {
  const { run } = await world(t);
  const imported = await run("secret\nnothing\ncheap\n", { onlyMatching: true });
  assert.deepEqual(storedWords(imported), ["3 db01/v1 new"]);
});

test("a volume gets the further secrets that the list names for it", async (t) => {
  const { run } = await world(t);
  const list = "name,secret\nweb01,first\nweb01,second\n,dear\n,cheap\n";
  const imported = await run(list);
  assert.deepEqual(boundWords(imported), [
    "web01: web01/v1 keyslot 0, web01/v2 keyslot 1",
    "db01: db01/v1 keyslot 1",
    "dc01: ",
  ]);
});

test("a volume that was bound before is known, although nothing of the next list opens it", async (t) => {
  const { run } = await world(t);
  const [bound] = (await run("secret\nfirst\n")).volumes[0]?.bindings ?? [];
  const { volumes } = await run("secret\nnothing\n");
  assert.deepEqual(
    volumes.map(({ bindings, known }) => [bindings, known]),
    [
      [[], [bound]],
      [[], []],
      [[], []],
    ],
  );
});

test("a secret that a list has twice is one", async (t) => {
  const { run } = await world(t);
  const imported = await run("name,secret\nweb01,first\nweb01,first\n");
  assert.deepEqual(storedWords(imported), ["2 web01/v1 new", "3 web01/v1 there"]);
  assert.deepEqual(boundWords(imported), ["web01: web01/v1 keyslot 0", "db01: ", "dc01: "]);
});

test("an export's passwords are tried on their own protectors alone, and found by their key ID later", async (t) => {
  const { side, kdf, run, paths } = await world(t);
  const stranger = "00112233-4455-6677-8899-aabbccddeeff";
  const list = [
    "ComputerName;KeyID;RecoveryKey",
    `DC01;${keyId};${recoveryText(shorts)}`,
    `OLD;${stranger};${recoveryText(otherShorts)}`,
    `DC01;${otherKeyId};${recoveryText([9, 9, 9, 9, 9, 9, 9, 9])}`,
  ].join("\n");
  const imported = await run(list, { paths: paths.slice(2) });
  assert.deepEqual(storedWords(imported), ["2 dc01/v1 new", "3 old/v1 new", "4 dc01/v2 new"]);
  assert.deepEqual(boundWords(imported), [`dc01: dc01/v1 ${keyId}`]);
  assert.equal(kdf.derived, 2, "one for each password that is for this volume");
  const { found } = await side.as("auditor", "key.find", { wanted: "00112233" });
  assert.deepEqual(
    found.map(({ version }) => version.name),
    ["old/v1"],
  );
});

test("a sealed key store is said before anything is tried", async (t) => {
  const { side, kdf, run } = await world(t);
  await side.as("custodian", "store.seal", {});
  await assert.rejects(run("secret\nfirst\n"), { code: "KEY_STORE_SEALED" });
  assert.equal(kdf.derived, 0);
});

test("a disk that cannot be looked at keeps no other from it", async (t) => {
  const { run, folder, paths } = await world(t);
  const imported = await run("secret\nfirst\n", { paths: [join(folder, "none.raw"), ...paths] });
  assert.deepEqual(boundWords(imported), ["web01: web01/v1 keyslot 0", "db01: ", "dc01: "]);
});

test("what the key side does not open is not bound, whatever opened it here", async (t) => {
  const { side, run } = await world(t);
  Object.assign(side.side, { costLimit: { memoryKiB: 0, seconds: 0 } });
  const { volumes } = await run("secret\nfirst\n");
  assert.deepEqual(volumes[0]?.bindings, []);
  assert.match(volumes[0]?.failures.join() ?? "", /takes/);
});
