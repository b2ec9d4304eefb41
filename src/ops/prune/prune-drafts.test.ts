import assert from "node:assert/strict";
import { test } from "node:test";

import { deletePoint, undeletePoint } from "#ops/points/delete-points.ts";
import type { PruneOptions } from "#ops/prune/prune.ts";
import type { Store } from "#store/contract.ts";
import { memoryStore } from "#store/memory.ts";
import { memoryDisk } from "#testing/disks/memory-disk.ts";
import { faultyStore } from "#testing/stores/faulty-store.ts";
import type { StoreCall } from "#testing/stores/intercepted-store.ts";
import { interrupted, isLogPut } from "#testing/stores/interrupted.ts";
import { flip, keysOf } from "#testing/vaults/damage.ts";
import { MaintenanceBench } from "#testing/vaults/maintenance-bench.ts";
import { backUp, BENCH_BLOCK_BYTES as BLOCK } from "#testing/vaults/vault-bench.ts";
import { logDamage } from "#vault/log/damage-log.ts";
import { openSession } from "#vault/log/session.ts";

/*
 * Each test is an interleaving that broke an earlier draft of the protocol: docs/format/log.md. A prune logs, in this
 * order: its opening, deletions by rule, purges, replacements, its closing.
 */

/** A machine with one deleted point, whose 14 days are over, and a live one that kept a few of its blocks. */
async function withDuePoint(seed: string, keep = "") {
  const bench = await MaintenanceBench.make(seed, 36, { store: memoryStore({ singleDisk: true }), keep });
  const { point } = await bench.backUp();
  bench.change(2, 33);
  await bench.backUp();
  await deletePoint(bench.log, point.point, "test", bench.signal);
  await bench.pass(15);
  return { bench, gone: point.point };
}

/** Another client's log. */
async function another(bench: MaintenanceBench) {
  const vault = bench.bench.vault();
  return { vault, log: await bench.bench.log(vault, bench.log) };
}

/** A prune by a client of its own, through `store`. */
async function pruneThrough(bench: MaintenanceBench, store: Store, more: Partial<PruneOptions> = {}) {
  const vault = bench.bench.vault(store);
  return bench.prune(more, vault, await bench.bench.log(vault, bench.log));
}

/** One more prune, after which nothing dead is left and all points read back. */
async function assertClean(bench: MaintenanceBench): Promise<void> {
  await pruneThrough(bench, bench.store, { closeStalled: true });
  const { swept, rewritten } = await pruneThrough(bench, bench.store);
  assert.deepEqual([swept.objects, rewritten.segments], [0, 0]);
  assert.deepEqual(await bench.unlike(), []);
}

test("a point that is undeleted while a prune is about to purge it is kept whole", async () => {
  const { bench, gone } = await withDuePoint("undelete");
  const store = interrupted(bench.store, 2, isLogPut, async () => {
    const { log } = await another(bench);
    await undeletePoint(log, gone, bench.signal);
  });
  const { purged, swept } = await pruneThrough(bench, store);
  assert.deepEqual([purged, swept.objects], [[], 0]);
  await assertClean(bench);
  const { log } = await another(bench);
  assert.equal(log.fold.points.size, 2);
});

test("a point that is purged cannot be undeleted, even before anything of it was removed", async () => {
  const { bench, gone } = await withDuePoint("too late");
  const isDelete = ({ operation }: { operation: string }): boolean => operation === "delete";
  const store = interrupted(bench.store, 1, isDelete, async () => {
    const { log } = await another(bench);
    await assert.rejects(undeletePoint(log, gone, bench.signal), { code: "POINT_GONE" });
  });
  await pruneThrough(bench, store);
  await assertClean(bench);
});

test("a point that was undeleted and deleted anew waits 14 days again, though a purge of the first deletion is on its way", async () => {
  const { bench, gone } = await withDuePoint("anew");
  const store = interrupted(bench.store, 2, isLogPut, async () => {
    const { log } = await another(bench);
    await undeletePoint(log, gone, bench.signal);
    await deletePoint(log, gone, "again", bench.signal);
  });
  assert.deepEqual((await pruneThrough(bench, store)).purged, []);
  const { log } = await another(bench);
  assert.equal(log.fold.points.get(gone)?.deleted?.reason, "again");
  await assertClean(bench);
});

test("the base of a backup that opens while a prune is about to purge it is kept until that backup ends", async () => {
  const { bench, gone } = await withDuePoint("base");
  const store = interrupted(bench.store, 2, isLogPut, async () => {
    const { vault, log } = await another(bench);
    const choose = () => ({ base: gone, adopt: false });
    await openSession(log, "backup", { random: vault.random, choose }, bench.signal);
  });
  assert.deepEqual((await pruneThrough(bench, store)).purged, []);
  assert.deepEqual((await pruneThrough(bench, bench.store)).purged, []);
  assert.deepEqual((await another(bench)).log.ignored, []);
  assert.deepEqual(await bench.unlike(), []);
  const { purged, closed } = await pruneThrough(bench, bench.store, { closeStalled: true });
  assert.equal(purged.length, 1);
  assert.ok(closed);
  await assertClean(bench);
});

test("a rule that has decided decides anew when the newest point is deleted by hand meanwhile", async () => {
  const bench = await MaintenanceBench.make("rule", 40, { keep: "last=1" });
  const { point: old } = await bench.backUp();
  await bench.pass(1);
  bench.change(0, 5);
  const { point: newest } = await bench.backUp();
  const store = interrupted(bench.store, 2, isLogPut, async () => {
    const { log } = await another(bench);
    await deletePoint(log, newest.point, "by hand", bench.signal);
  });
  assert.deepEqual((await pruneThrough(bench, store)).deleted, []);
  const { log } = await another(bench);
  assert.equal(log.fold.points.get(old.point)?.deleted, null);
});

test("a second prune at any moment of the first: whoever is fenced says so, and nothing is lost", async () => {
  for (let at = 1; at < 60; at += 5) {
    const { bench } = await withDuePoint("two prunes");
    let begun = false;
    const store = interrupted(
      bench.store,
      at,
      () => true,
      async () => {
        begun = true;
        await pruneThrough(bench, bench.store);
      },
    );
    const first = await pruneThrough(bench, store).then(
      () => "done",
      (error: unknown) => (error as { code: string }).code,
    );
    assert.ok(first === "done" || first === "SESSION_FENCED", first);
    await assertClean(bench);
    if (!begun) break;
  }
});

test("a backup at any moment of a prune loses nothing of its own, nor its base", async () => {
  for (let at = 1; at < 50; at += 6) {
    const { bench } = await withDuePoint("backup meanwhile");
    bench.change(10, 10);
    const store = interrupted(
      bench.store,
      at,
      () => true,
      async () => {
        const { vault, log } = await another(bench);
        const { point } = await backUp(vault, log, bench.definition, memoryDisk(bench.content));
        bench.expected.set(point.point, bench.content);
      },
    );
    await pruneThrough(bench, store);
    assert.deepEqual(await bench.unlike(), [], `backup at call ${at}`);
    await assertClean(bench);
  }
});

test("a prune at any moment of a backup takes nothing of it", async () => {
  for (let at = 1; at < 30; at += 5) {
    const { bench } = await withDuePoint("prune meanwhile");
    bench.change(1, 30);
    const store = interrupted(
      bench.store,
      at,
      () => true,
      () => pruneThrough(bench, bench.store),
    );
    const vault = bench.bench.vault(store);
    const { point } = await backUp(
      vault,
      await bench.bench.log(vault, bench.log),
      bench.definition,
      memoryDisk(bench.content),
    );
    bench.expected.set(point.point, bench.content);
    assert.deepEqual(await bench.unlike(), [], `prune at call ${at}`);
    await assertClean(bench);
  }
});

test("a prune right before a backup logs its point takes neither its blocks nor its body", async () => {
  const { bench } = await withDuePoint("commit");
  bench.change(1, 30);
  const store = interrupted(bench.store, 2, isLogPut, () => pruneThrough(bench, bench.store));
  const vault = bench.bench.vault(store);
  const log = await bench.bench.log(vault, bench.log);
  const { point } = await backUp(vault, log, bench.definition, memoryDisk(bench.content));
  bench.expected.set(point.point, bench.content);
  await assertClean(bench);
});

test("a dry run under which a point becomes due, is purged and removed, does not take that for damage", async () => {
  const bench = await MaintenanceBench.make("dry", 36);
  const { point } = await bench.backUp();
  bench.change(0, 36);
  await bench.backUp();
  await deletePoint(bench.log, point.point, "test", bench.signal);
  await bench.pass(13.9);
  const isNodeRead = ({ operation, key }: StoreCall): boolean => operation === "get" && key.includes("/nodes/");
  const store = interrupted(bench.store, 1, isNodeRead, async () => {
    await bench.pass(0.2);
    await pruneThrough(bench, bench.store);
  });
  assert.deepEqual((await pruneThrough(bench, store, { dryRun: true })).unreadable, []);
});

test("a backup that heals a segment while a prune rewrites it keeps what it healed", async () => {
  const { bench } = await withDuePoint("heal meanwhile");
  const [key = ""] = await keysOf(bench.store, (each) => each.includes("/data/"));
  await flip(bench.store, key, BLOCK); // block 0, which the live point has too
  const segment = key.slice(-36, -2) as never;
  const slots = [[0, 1]] as const;
  const damage = [{ kind: "data", segment, generation: "0" as never, slots }] as const;
  await logDamage(bench.log, bench.definition.id, damage, bench.signal);
  // Opening, purge, and then the replacement, which the healing makes late.
  const store = interrupted(bench.store, 3, isLogPut, async () => {
    const { vault, log } = await another(bench);
    const { point, healedSlots } = await backUp(vault, log, bench.definition, memoryDisk(bench.content));
    assert.equal(healedSlots, 1);
    bench.expected.set(point.point, bench.content);
  });
  await pruneThrough(bench, store);
  const { log } = await another(bench);
  assert.equal(log.fold.damaged.size, 0);
  await assertClean(bench);
});

test("a prune whose every k-th store call fails, before or after its effect or with the effect delayed, frees nothing that is needed", async () => {
  for (const fault of ["before", "after", "delayed", { delayedByCalls: 3 }] as const) {
    for (let at = 0; at < 60; at += 13) {
      const { bench } = await withDuePoint("faults");
      const faulty = faultyStore(bench.store);
      // A client that tries once only: so each fault ends it.
      const vault = {
        ...bench.bench.vault(faulty.store),
        retry: { attempts: 1, delayMs: () => 0, sleep: async () => {} },
      };
      const log = await bench.bench.log(vault, bench.log);
      faulty.failAt(faulty.calls() + at, fault);
      await bench.prune({}, vault, log).catch((error: unknown) => {
        assert.equal((error as { code?: string }).code, "STORE_UNAVAILABLE", String(error));
      });
      await pruneThrough(bench, bench.store);
      await faulty.landPending();
      await assertClean(bench);
    }
  }
});

test("what a backup left that died, with no backup after it, goes once its session is closed", async () => {
  const bench = await MaintenanceBench.make("crashed", 60);
  await bench.backUp();
  const before = await keysOf(bench.store, (key) => key.includes("/disks/"));
  bench.change(0, 60);
  const cut = memoryDisk(bench.content, { unreadable: [{ offsetBytes: 59 * BLOCK, lengthBytes: 1 }] });
  await assert.rejects(backUp(bench.vault, bench.log, bench.definition, cut), { code: "DISK_UNREADABLE" });
  assert.ok((await keysOf(bench.store, (key) => key.includes("/disks/"))).length >= before.length);
  await bench.pass(3);
  assert.equal((await bench.prune()).closed, null);
  await bench.pass(5);
  assert.ok((await bench.prune()).closed);
  assert.deepEqual(await keysOf(bench.store, (key) => key.includes("/disks/")), before);
  assert.deepEqual(await bench.unlike(), []);
});
