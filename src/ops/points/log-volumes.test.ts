import assert from "node:assert/strict";
import { test } from "node:test";

import { encryptedVolumes } from "#ops/points/encrypted-volumes.ts";
import { loggableName, logMissingVolumes, volumesOfDisk } from "#ops/points/log-volumes.ts";
import { InStepBench } from "#testing/keys/in-step-bench.ts";
import { keysOf } from "#testing/vaults/damage.ts";
import type { BodyVolumes } from "#vault/point-body.ts";

test("the log says what of a point is encrypted, from its body where the backup did not log it, and once", async () => {
  using bench = await InStepBench.make("missing volumes");
  const logged = await bench.backUp();
  const unlogged = await bench.backUp({ unlogged: true });
  assert.equal(bench.log.fold.points.get(unlogged)?.volumes, null);
  assert.equal(await logMissingVolumes(bench.vault, bench.log, bench.signal), 1);
  const [a, b] = [logged, unlogged].map((id) => bench.log.fold.points.get(id)?.volumes);
  assert.deepEqual(a, b);
  const state = bench.log.fold.points.get(unlogged);
  assert.ok(state !== undefined);
  const [only, another] = encryptedVolumes(state);
  assert.deepEqual(
    [only?.disk.name, only?.volume.name, only?.volume.format, another],
    ["sda", "1", "luks1", undefined],
  );
  assert.equal(only?.volume.protectors.length, 3);
  const { seq } = bench.log.fold;
  assert.equal(await logMissingVolumes(bench.vault, bench.log, bench.signal), 0);
  assert.equal(bench.log.fold.seq, seq);
});

test("a point whose body is lost is left out, and the others are logged", async () => {
  using bench = await InStepBench.make("lost body");
  const lost = await bench.backUp({ unlogged: true });
  const whole = await bench.backUp({ unlogged: true });
  for (const key of await keysOf(bench.vaultBench.store, (each) => each.includes(lost) && each.includes("/points/"))) {
    await bench.vaultBench.store.delete(key, bench.signal);
  }
  assert.equal(await logMissingVolumes(bench.vault, bench.log, bench.signal), 1);
  assert.equal(bench.log.fold.points.get(lost)?.volumes, null);
  assert.notEqual(bench.log.fold.points.get(whole)?.volumes, null);
});

test("what could not be looked at, and what looks like ciphertext, is unknown; what is plain is not", async () => {
  using bench = await InStepBench.make("unknown");
  const volume = (name: string, more: object) => ({ name, encrypted: null, content: null, failure: null, ...more });
  const map = {
    volumes: [
      volume("1", { failure: { code: "HEADER_CORRUPT", message: "cut short" } }),
      volume("2", { content: { kind: "unknown", guess: "ciphertext" } }),
      volume("3", { content: { kind: "unknown", guess: "plain data" } }),
      volume("4", { content: { kind: "empty" } }),
    ],
  };
  const found: BodyVolumes = { format: 1, map, headers: [], failure: null };
  const { id } = bench.definition;
  assert.deepEqual(volumesOfDisk(id, found), { disk: id, encrypted: [], unknown: ["1", "2"] });
  const nothing = { disk: id, encrypted: null, unknown: [] };
  assert.deepEqual(volumesOfDisk(id, { ...found, map: null, failure: "no answer" }), nothing);
  assert.deepEqual(volumesOfDisk(id, { ...found, format: 2 }), nothing);
  assert.deepEqual(volumesOfDisk(id, undefined), nothing);
});

test("no name that a guest chose keeps an entry from being written", () => {
  assert.equal(loggableName("2/root"), "2/root");
  assert.equal(loggableName("a\u0000b\u001b[2J"), "a?b?[2J");
  assert.equal(loggableName("x".repeat(600)).length, 512);
});
