import assert from "node:assert/strict";
import { test } from "node:test";

import { Secret } from "#bytes/secret.ts";
import { LockstepError } from "#errors/errors.ts";
import { deletePoint } from "#ops/points/delete-points.ts";
import { rekey } from "#ops/unlock/rekey.ts";
import type { RekeyResult } from "#ops/unlock/rekey.ts";
import { memoryStore } from "#store/memory.ts";
import { seededRandom } from "#testing/random.ts";
import { appendOnlyStore } from "#testing/stores/append-only-store.ts";
import { gatedStore } from "#testing/stores/gated-store.ts";
import { flip, keysOf } from "#testing/vaults/damage.ts";
import { MaintenanceBench } from "#testing/vaults/maintenance-bench.ts";
import { BENCH_BLOCK_BYTES as BLOCK, readBack } from "#testing/vaults/vault-bench.ts";
import { currentGeneration } from "#vault/fold/fold.ts";
import type { Log } from "#vault/log/log.ts";
import type { Vault } from "#vault/vault.ts";

/** The vault after an unlock way was removed: a new data key, and the old ones to read with. */
function withNewEpoch(vault: Vault, only: "both" | "new" = "both"): Vault {
  const { keys } = vault.keyring;
  const fresh = new Secret(seededRandom("second data key")(32));
  const epochs = new Map([...(only === "both" ? keys.epochs : []), [2, fresh] as const]);
  const keyring = {
    keys: { ...keys, epochs, currentEpoch: 2 },
    faultOf: () => null,
    reopen: () => Promise.resolve(keyring),
  };
  return { ...vault, keyring };
}

async function rekeyNow(
  bench: MaintenanceBench,
  store = bench.store,
): Promise<RekeyResult & { log: Log; vault: Vault }> {
  const vault = withNewEpoch(bench.bench.vault(store));
  const log = await bench.bench.log(vault, bench.log);
  return { ...(await rekey(vault, log, { progress: () => undefined }, bench.signal)), log, vault };
}

/** Data keys that segments in the store are sealed with. */
async function epochsOf(bench: MaintenanceBench): Promise<number[]> {
  const epochs = new Set<number>();
  for (const key of await keysOf(bench.store, (each) => each.includes("/data/") || each.includes("/nodes/"))) {
    const bytes = await bench.store.get(key, 1e9, bench.signal);
    if (bytes !== null) epochs.add(new DataView(bytes.buffer, bytes.byteOffset).getUint32(24, true));
  }
  return [...epochs].sort((a, b) => a - b);
}

test("everything live is sealed with the new data key, reads back, and nothing of the old one is left", async () => {
  for (const singleDisk of [false, true]) {
    const bench = await MaintenanceBench.make(`rekey ${singleDisk}`, 100, { store: memoryStore({ singleDisk }) });
    await bench.backUp();
    bench.change(3, 10, 4);
    await bench.backUp();
    const { segments, leftAlone, log, vault } = await rekeyNow(bench);
    assert.deepEqual([segments > 5, leftAlone], [true, []]);
    assert.deepEqual(await epochsOf(bench), [2]);
    for (const [point, expected] of bench.expected) {
      const state = log.fold.points.get(point);
      assert.ok(state);
      const { bytes } = await readBack(withNewEpoch(vault, "new"), log, state, bench.definition);
      assert.deepEqual(Buffer.from(bytes), Buffer.from(expected));
    }
    assert.equal((await rekeyNow(bench)).segments, 0);
  }
});

test("one that was cut off at any store call goes on from there, and loses nothing", async () => {
  for (let at = 0, cut = true; cut; at += 5) {
    const bench = await MaintenanceBench.make(`cut ${at}`, 60, { store: memoryStore({ singleDisk: true }) });
    const { point } = await bench.backUp();
    let calls = 0;
    const store = gatedStore(bench.store, () =>
      calls++ < at ? Promise.resolve() : Promise.reject(new LockstepError("STORE_DENIED", "cut off")),
    );
    cut = await rekeyNow(bench, store).then(
      (result) => result.leftBytes > 0,
      () => true,
    );
    const { log, vault, leftAlone } = await rekeyNow(bench);
    assert.deepEqual(leftAlone, []);
    assert.deepEqual(await epochsOf(bench), [2]);
    const { bytes } = await readBack(vault, log, point, bench.definition);
    assert.deepEqual(Buffer.from(bytes), Buffer.from(bench.content));
  }
});

test("a segment with a block that cannot be read, and that the log does not call damaged, keeps its key", async () => {
  const bench = await MaintenanceBench.make("unreadable", 60);
  await bench.backUp();
  const [key = ""] = await keysOf(bench.store, (each) => each.includes("/data/"));
  await flip(bench.store, key, BLOCK);
  const first = await rekeyNow(bench);
  assert.equal(first.leftAlone.length, 1);
  assert.ok((await keysOf(bench.store)).includes(key));
  assert.deepEqual(await epochsOf(bench), [1, 2]);

  const segment = first.leftAlone[0]?.ref.segment as never;
  const items = [{ kind: "data", segment, generation: "0" as never, slots: [[0, 1]] as const }] as const;
  await first.log.append(() => ({ type: "damaged", disk: bench.definition.id, items }), bench.signal);
  const second = await rekeyNow(bench);
  assert.deepEqual([second.segments, second.leftAlone], [1, []]);
  assert.equal(second.log.fold.damaged.size, 1);
  assert.notEqual(currentGeneration(second.log.fold, bench.definition.id, "data", segment), "0");
});

test("dead objects go rather than to get a new key", async () => {
  const bench = await MaintenanceBench.make("dead", 60);
  const { point } = await bench.backUp();
  bench.change(0, 60);
  await bench.backUp();
  await deletePoint(bench.log, point.point, "test", bench.signal);
  await bench.pass(15);
  const vault = bench.bench.vault(appendOnlyStore(bench.store));
  await bench.prune({}, vault, await bench.bench.log(vault, bench.log));
  const dataObjects = async () => (await keysOf(bench.store, (key) => key.includes("/data/"))).length;
  const before = await dataObjects();
  const { segments } = await rekeyNow(bench);
  assert.deepEqual(await epochsOf(bench), [2]);
  assert.equal(await dataObjects(), before / 2);
  assert.ok(segments < before);
});

test("one that fails closes its session", async () => {
  const bench = await MaintenanceBench.make("fails", 60);
  await bench.backUp();
  const store = gatedStore(bench.store, ({ operation }) =>
    operation === "delete" ? Promise.reject(new LockstepError("STORE_UNAVAILABLE", "gone")) : Promise.resolve(),
  );
  await assert.rejects(rekeyNow(bench, store), { code: "STORE_UNAVAILABLE" });
  const { fold } = await bench.bench.log(withNewEpoch(bench.vault), bench.log);
  assert.deepEqual([fold.maintenance, fold.seq > bench.log.fold.seq], [null, true]);
});
