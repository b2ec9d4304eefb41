import assert from "node:assert/strict";
import { test } from "node:test";

import { Idle } from "#server/idle.ts";

test("it is idle from the end of the last request that ran, not of the first", () => {
  let now = 1000;
  const idle = new Idle(() => now);
  now += 5;
  assert.equal(idle.forMs(), 5);
  const [first, second] = [idle.begin(), idle.begin()];
  now += 100;
  assert.equal(idle.forMs(), 0);
  first[Symbol.dispose]();
  now += 100;
  assert.equal(idle.forMs(), 0);
  second[Symbol.dispose]();
  now += 7;
  assert.equal(idle.forMs(), 7);
});

test("it is quiet once no request runs", async () => {
  const idle = new Idle(() => 0);
  await idle.quiet();
  const request = idle.begin();
  let isQuiet = false;
  const quiet = idle.quiet().then(() => (isQuiet = true));
  await Promise.resolve();
  assert.equal(isQuiet, false);
  request[Symbol.dispose]();
  await quiet;
});
