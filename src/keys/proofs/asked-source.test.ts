import assert from "node:assert/strict";
import { test } from "node:test";

import { AskedSource } from "#keys/proofs/asked-source.ts";
import { seededRandom } from "#testing/random.ts";
import type { Place } from "#volume/source/source.ts";

const SIZE = 100_000;
const bytes = seededRandom("volume")(SIZE);
const piece = ({ offsetBytes, lengthBytes }: Place): Uint8Array => bytes.slice(offsetBytes, offsetBytes + lengthBytes);

/** Answers all questions of some work from `bytes`; gives its result and the rounds. */
async function served<T>(source: AskedSource, work: Promise<T>): Promise<{ result: T; rounds: Place[][] }> {
  const rounds: Place[][] = [];
  for (;;) {
    const wants = await source.questions(work);
    if (wants.length === 0) return { result: await work, rounds };
    rounds.push([...wants]);
    source.show(wants.map(piece));
  }
}

function newSource(): AskedSource {
  return new AskedSource({ sizeBytes: SIZE, sectorBytes: null });
}

test("reads that begin together are one round: whole 4 KiB, merged, ascending, and cut at the volume's end", async () => {
  const source = newSource();
  const work = Promise.all([
    source.read(99_000, 10),
    source.read(5000, 100),
    source.read(4000, 200),
    source.read(50, 10),
  ]);
  const { result, rounds } = await served(source, work);
  assert.deepEqual(
    result.map((each) => Buffer.from(each).toString("hex")),
    [bytes.slice(99_000, 99_010), bytes.slice(5000, 5100), bytes.slice(4000, 4200), bytes.slice(50, 60)].map((each) =>
      Buffer.from(each).toString("hex"),
    ),
  );
  assert.deepEqual(rounds, [
    [
      { offsetBytes: 0, lengthBytes: 8192 },
      { offsetBytes: 98_304, lengthBytes: SIZE - 98_304 },
    ],
  ]);
});

test("what was shown once is not asked for again, and is given as a copy", async () => {
  const source = newSource();
  const work = async (): Promise<Uint8Array> => {
    (await source.read(100, 50)).fill(0);
    return source.read(90, 4000);
  };
  const { result, rounds } = await served(source, work());
  assert.equal(rounds.length, 1);
  assert.deepEqual(result, bytes.slice(90, 4090));
});

test("a read that begins while others are shown is asked for in the next round", async () => {
  const source = newSource();
  const first = source.read(0, 10);
  const work = first.then(() => source.read(20_000, 10));
  assert.deepEqual(await source.questions(work), [{ offsetBytes: 0, lengthBytes: 4096 }]);
  const late = source.read(40_000, 10);
  source.show([piece({ offsetBytes: 0, lengthBytes: 4096 })]);
  const { rounds } = await served(source, Promise.all([work, late]));
  assert.deepEqual(rounds.flat(), [
    { offsetBytes: 16_384, lengthBytes: 4096 },
    { offsetBytes: 36_864, lengthBytes: 4096 },
  ]);
});

test("other pieces than were asked for are refused, and so are pieces that nobody asked for", async () => {
  for (const pieces of [[], [new Uint8Array(4095)], [new Uint8Array(4096), new Uint8Array()], [new Uint8Array(4097)]]) {
    const source = newSource();
    const work = source.read(0, 10);
    await source.questions(work);
    assert.throws(() => source.show(pieces), { code: "ARGUMENT_INVALID" });
    source.end(new Error("over"));
    await assert.rejects(work, /over/);
  }
  assert.throws(() => newSource().show([]), { code: "ARGUMENT_INVALID" });
});

test("what cannot be read fails the reads of it alone", async () => {
  const source = newSource();
  const work = Promise.allSettled([source.read(0, 10), source.read(20_000, 10)]);
  await source.questions(work);
  source.show([null, piece({ offsetBytes: 16_384, lengthBytes: 4096 })]);
  const [bad, good] = await work;
  assert.equal(bad.status, "rejected");
  assert.equal((bad.reason as { code: string }).code, "DISK_UNREADABLE");
  assert.deepEqual(good, { status: "fulfilled", value: bytes.slice(20_000, 20_010) });
});

test("no more is asked for than the limits allow", async () => {
  const large = new AskedSource({ sizeBytes: 2 ** 40, sectorBytes: 512 });
  const much = large.read(0, 17 * 2 ** 20);
  await Promise.all([large.questions(much.catch(() => {})), assert.rejects(much, { code: "RATE_LIMITED" })]);

  const source = new AskedSource({ sizeBytes: 2 ** 30, sectorBytes: 512 });
  const many = async (): Promise<void> => {
    for (let at = 0; ; at += 4096) await source.read(at, 1);
  };
  const work = many();
  work.catch(() => {});
  let rounds = 0;
  const serve = async (): Promise<void> => {
    for (;;) {
      const wants = await source.questions(work);
      source.show(wants.map(({ lengthBytes }) => new Uint8Array(lengthBytes)));
      rounds++;
    }
  };
  await assert.rejects(serve(), { code: "RATE_LIMITED" });
  assert.equal(rounds, 64);
});

test("reads outside the volume, and after its end, fail at once", async () => {
  const source = newSource();
  await assert.rejects(source.read(SIZE - 1, 2), { code: "ARGUMENT_INVALID" });
  await assert.rejects(source.read(-1, 1), { code: "ARGUMENT_INVALID" });
  source.end(new Error("over"));
  await assert.rejects(source.read(0, 1), /over/);
});
