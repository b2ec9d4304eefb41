import assert from "node:assert/strict";
import { test } from "node:test";

import { utf8 } from "#bytes/text.ts";
import { LockstepError } from "#errors/errors.ts";
import { memoryStore } from "#store/memory.ts";
import { gatedStore } from "#testing/stores/gated-store.ts";
import { firstGood } from "#vault/object/first-good.ts";

const { signal } = new AbortController();
const places = ["a", "copies/a"];
const isGood = (bytes: Uint8Array): string | null => (bytes[0] === 103 ? "good" : null);

/** Two places with what is said of them: bytes, nothing, too much, or no answer. */
async function read(
  ...contents: readonly ("good" | "bad" | "none" | "far too long" | "silent")[]
): Promise<string | null> {
  const inner = memoryStore();
  for (const [i, content] of contents.entries()) {
    if (content !== "none") await inner.put(places[i] ?? "", [utf8(content)], {}, signal);
  }
  const store = gatedStore(inner, async ({ key }) => {
    await Promise.resolve();
    if (contents[places.indexOf(key)] === "silent") throw new LockstepError("STORE_UNAVAILABLE", "EIO");
  });
  return firstGood(store, places, 6, isGood, signal);
}

test("the second place is read where the first has not what is wanted, or gives no answer", async () => {
  for (const first of ["bad", "none", "far too long", "silent"] as const)
    assert.equal(await read(first, "good"), "good");
  assert.equal(await read("good", "silent"), "good");
});

test("that no place has it is said only where each gave an answer", async () => {
  assert.equal(await read("none", "bad"), null);
  assert.equal(await read("far too long", "none"), null);
  for (const other of ["none", "bad"] as const) {
    await assert.rejects(read("silent", other), { code: "STORE_UNAVAILABLE" });
    await assert.rejects(read(other, "silent"), { code: "STORE_UNAVAILABLE" });
  }
});
