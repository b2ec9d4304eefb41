import { randomBytes } from "node:crypto";
import { describe, test } from "node:test";

import { storeChecks } from "#store/contract-suite.ts";
import type { Store } from "#store/contract.ts";

/** A new, empty store: `open` gives clients of it, and disposing of it removes what it left behind. */
export type TestStore = AsyncDisposable & { open(): Promise<Store> };

/**
 * Runs the contract suite, each check as a test on a store of its own.
 *
 * @param largeBytes  `LARGE_BYTES` where a store writes large objects in another way
 */
export function describeStore(name: string, make: () => Promise<TestStore>, largeBytes = 2_100_000): void {
  describe(`${name} keeps the store contract`, () => {
    for (const check of storeChecks) {
      test(check.name, async ({ signal }) => {
        await using fresh = await make();
        await using store = await fresh.open();
        await using other = await fresh.open();
        const random = (lengthBytes: number): Uint8Array => randomBytes(lengthBytes);
        await check.run({ store, other, folder: "check/", random, largeBytes, signal });
      });
    }
  });
}
