import assert from "node:assert/strict";
import { test } from "node:test";

import { FairQueue } from "#keys/derivations/fair-queue.ts";

const { signal } = new AbortController();

/** Work that notes its name when it begins, and ends when it is told to. */
function works(): {
  readonly begun: string[];
  readonly end: (name: string) => void;
  readonly work: (name: string) => () => Promise<string>;
} {
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  return {
    begun,
    end: (name) => ends.get(name)?.(),
    work: (name) => async () => {
      begun.push(name);
      const { promise, resolve } = Promise.withResolvers<void>();
      ends.set(name, resolve);
      await promise;
      return name;
    },
  };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("lines take turns, however long one is", async () => {
  const queue = new FairQueue(1);
  const { begun, end, work } = works();
  const all = ["a1", "a2", "a3", "b1", "c1", "b2"].map((name) => queue.run(name.slice(0, 1), work(name), signal));
  for (const name of ["a1", "a2", "b1", "c1", "a3", "b2"]) {
    await settled();
    assert.equal(begun.at(-1), name);
    end(name);
  }
  assert.deepEqual(await Promise.all(all), ["a1", "a2", "a3", "b1", "c1", "b2"]);
});

test("so much runs at once and no more, also after work that failed", async () => {
  const queue = new FairQueue(2);
  const { begun, end, work } = works();
  const failing = queue.run("a", () => Promise.reject(new Error("failed")), signal);
  await assert.rejects(failing, /failed/);
  const all = ["a1", "a2", "a3"].map((name) => queue.run("a", work(name), signal));
  await settled();
  assert.deepEqual(begun, ["a1", "a2"]);
  end("a2");
  await settled();
  assert.deepEqual(begun, ["a1", "a2", "a3"]);
  end("a1");
  end("a3");
  await Promise.all(all);
});

test("what is cancelled while it waits leaves its place to the next", async () => {
  const queue = new FairQueue(1);
  const { begun, end, work } = works();
  const stop = new AbortController();
  const first = queue.run("a", work("a1"), signal);
  const cancelled = queue.run("b", work("b1"), stop.signal);
  const last = queue.run("c", work("c1"), signal);
  await settled();
  stop.abort();
  await assert.rejects(cancelled, { code: "CANCELLED" });
  end("a1");
  await settled();
  assert.deepEqual(begun, ["a1", "c1"]);
  end("c1");
  await Promise.all([first, last]);
  await assert.rejects(queue.run("d", work("d1"), stop.signal), { code: "CANCELLED" });
  assert.deepEqual(begun, ["a1", "c1"]);
});
