import assert from "node:assert/strict";
import { test } from "node:test";

import type { InputOf } from "#api/routes.ts";
import type { KeyClient } from "#client/key-client.ts";
import { logVerdicts } from "#ops/check/log-verdicts.ts";
import { knowKeyStore } from "#ops/keys/known-key-store.ts";
import { provePoint } from "#ops/keys/prove-point.ts";
import type { ProvedVolume } from "#ops/keys/prove-point.ts";
import { InStepBench } from "#testing/keys/in-step-bench.ts";
import { flip, keysOf } from "#testing/vaults/damage.ts";
import { BENCH_BLOCK_BYTES as BLOCK } from "#testing/vaults/vault-bench.ts";
import { sampleMaterial } from "#testing/volumes/luks1-sample.ts";
import type { PointId } from "#vault/object/ids.ts";

/** @param client  who is asked; the bench's own, where nobody is said */
async function prove(
  bench: InStepBench,
  point: PointId,
  anew = false,
  client = bench.client,
): Promise<readonly ProvedVolume[]> {
  await knowKeyStore(bench.deps, bench.signal);
  const state = bench.log.fold.points.get(point);
  assert.ok(state !== undefined);
  return provePoint({ ...bench.deps, client }, state, () => anew, bench.signal);
}

async function log(bench: InStepBench, proved: readonly ProvedVolume[]): Promise<number> {
  const verdicts = proved.flatMap(({ verdict }) => verdict ?? []);
  return logVerdicts(bench.log, verdicts, bench.signal);
}

test("a key that is bound opens the very copy that is in the vault, and the log has the key side's word for it", async () => {
  using bench = await InStepBench.make("opens");
  await bench.bindKey();
  const point = await bench.backUp();
  const [proved, another] = await prove(bench, point);
  assert.ok(proved?.stated && proved.verdict && another === undefined);
  assert.partialDeepStrictEqual(proved.stated, {
    verdict: "opens",
    version: "web01/v1",
    point,
    disk: "sda",
    volume: "1",
  });
  assert.deepEqual([proved.why, proved.headerDiffers], [null, false]);
  assert.equal(await log(bench, [proved]), 1);
  const [shown] = bench.log.fold.points.get(point)?.shown ?? [];
  assert.partialDeepStrictEqual(shown, { volume: "1", verdict: "opens", openedAt: proved.stated.derivedAt });
});

test("a verdict that was carried over is not logged again, and one that was derived anew is", async () => {
  using bench = await InStepBench.make("carried over");
  await bench.bindKey();
  const point = await bench.backUp();
  await log(bench, await prove(bench, point));
  bench.pass({ days: 1 });
  assert.equal(await log(bench, await prove(bench, point)), 0);
  assert.equal(await log(bench, await prove(bench, point, true)), 1);
  const openedAt = bench.log.fold.points.get(point)?.shown[0]?.openedAt ?? assert.fail();
  assert.equal(Temporal.Instant.compare(openedAt, "2026-01-02T00:00:00Z"), 0);
});

test("without a key that is bound to its header, a point is not opened", async () => {
  using bench = await InStepBench.make("not bound");
  const point = await bench.backUp();
  const [proved] = await prove(bench, point);
  assert.partialDeepStrictEqual(proved, { why: null, stated: { verdict: "not bound", version: null } });
});

test("what is presented is what the vault holds: a header that changed on the way in is named, and is the one that counts", async () => {
  using bench = await InStepBench.make("header differs");
  await bench.bindKey();
  const before = await bench.backUp();
  const body = bench.log.fold.points.get(before);
  assert.ok(body !== undefined);
  const at = 1024 * 1024 + sampleMaterial(1).offsetBytes;
  bench.content[at] = (bench.content[at] ?? 0) ^ 1;
  const after = await bench.backUp();
  const changed = bench.log.fold.points.get(after);
  assert.ok(changed !== undefined);
  // The body of one point with the data of the other: a guest that wrote between the two.
  const mixed = { ...changed, session: body.session, body: body.body, point: body.point };
  await knowKeyStore(bench.deps, bench.signal);
  const [proved] = await provePoint(bench.deps, mixed, () => false, bench.signal);
  assert.partialDeepStrictEqual(proved, { headerDiffers: true, verdict: null });
  assert.match(proved?.why ?? "", /is about another header than the point has/);
});

test("a header that cannot be read from the vault is not proved by the one that was stored apart", async () => {
  using bench = await InStepBench.make("damaged header");
  await bench.bindKey();
  const point = await bench.backUp();
  for (const key of await keysOf(bench.vaultBench.store, (each) => each.includes("/data/"))) {
    await flip(bench.vaultBench.store, key, 2 * BLOCK + 100);
  }
  const asked: string[] = [];
  const client: KeyClient = { call: (name) => Promise.reject(new Error(asked[asked.push(name) - 1])) };
  const [proved] = await prove(bench, point, false, client);
  assert.match(proved?.why ?? "", /its header cannot be read from the vault: Disk sda, bytes/);
  assert.deepEqual([proved?.verdict, asked], [null, []]);
});

test("the bytes that the key side asks for are answered in their order, and damaged ones as such", async () => {
  using bench = await InStepBench.make("wants");
  const point = await bench.backUp();
  const shown: InputOf<"proof.show">[] = [];
  const proof = "a".repeat(32);
  const wants: [number, number][] = [
    [0, 512],
    [1024 * 1024, 4096],
    [2 * 1024 * 1024, 4096], // behind the volume's end
  ];
  const call = (name: string, input: unknown): Promise<unknown> => {
    if (name === "proof.begin") return Promise.resolve({ proof, wants, statement: null });
    shown.push(input as InputOf<"proof.show">);
    return Promise.resolve({ proof, wants: [], statement: { signed: "{}", signature: "" } });
  };
  const [proved] = await prove(bench, point, false, { call: call as KeyClient["call"] });
  const [first, second, third] = shown[0]?.pieces ?? [];
  assert.equal(first, Buffer.from(bench.content.subarray(1024 * 1024, 1024 * 1024 + 512)).toString("base64"));
  assert.equal(second, Buffer.alloc(4096).toString("base64"));
  assert.equal(third, null);
  assert.match(proved?.why ?? "", /statement is not signed/);
});

test("a key side that never has enough is given up", async () => {
  using bench = await InStepBench.make("greedy");
  const point = await bench.backUp();
  const proof = "a".repeat(32);
  let rounds = 0;
  const call = (): Promise<unknown> => {
    rounds++;
    return Promise.resolve({ proof, wants: [[0, 512]], statement: null });
  };
  const [proved] = await prove(bench, point, false, { call: call as KeyClient["call"] });
  assert.match(proved?.why ?? "", /more than a proof takes/);
  assert.equal(rounds, 101);
});

test("what a statement says counts only as the key store signed it, and of the volume that was presented", async () => {
  using bench = await InStepBench.make("statements");
  await bench.bindKey();
  const [point, other] = [await bench.backUp(), await bench.backUp()];
  const statements: { signed: string; signature: string }[] = [];
  const answered = (change: (own: { signed: string; signature: string }) => typeof own): KeyClient => ({
    call: async (name, input, signal) => {
      const reply = await bench.client.call(name, input, signal);
      if (!("statement" in reply) || reply.statement === null) return reply;
      statements.push(reply.statement);
      return { ...reply, statement: change(reply.statement) };
    },
  });
  const whyOf = async (id: PointId, change: Parameters<typeof answered>[0]): Promise<string> => {
    const [proved] = await prove(bench, id, false, answered(change));
    assert.ok(proved !== undefined);
    assert.equal(await log(bench, [proved]), 0);
    return proved.why ?? "";
  };
  const altered = ({ signed, signature }: { signed: string; signature: string }) => ({
    signed: signed.replace('"opens"', '"reads"'),
    signature,
  });
  assert.match(await whyOf(point, altered), /is not signed by the key store that the log knows/);
  const [earlier] = statements;
  assert.ok(earlier !== undefined);
  assert.match(await whyOf(other, () => earlier), /is about another volume/);
  assert.match(await whyOf(point, (own) => ({ ...own, signature: "A".repeat(88) })), /is not signed by/);
  assert.equal((await prove(bench, point))[0]?.why, null);
});
