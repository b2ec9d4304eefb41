import { test } from "node:test";

import { memoryStore } from "#store/memory.ts";
import type { StoreFault } from "#testing/stores/failing-store.ts";
import { actNamed } from "#testing/worlds/acts.ts";
import { changesOf, runWithFault } from "#testing/worlds/fault-run.ts";

/** On a store of one disk, where most calls are made: all ways. */
const allFaults: readonly StoreFault[] = [
  { fault: "before", lasts: "once" },
  { fault: "after", lasts: "once" },
  { fault: { delayedByCalls: 2 }, lasts: "once" },
  { fault: "before", lasts: "for this object" },
  { fault: "after", lasts: "for this object" },
  { fault: "delayed", lasts: "for this object" },
  { fault: "before", lasts: "for ever" },
  { fault: "after", lasts: "for ever" },
  { fault: "delayed", lasts: "for ever" },
];

/** The failures that are tried on other stores: those that leave the most behind. */
const someFaults: readonly StoreFault[] = [
  { fault: "delayed", lasts: "once" },
  { fault: "before", lasts: "for ever" },
  { fault: "after", lasts: "for ever" },
  { fault: "delayed", lasts: "for ever" },
];

/** Makes each store call of each act fail in each way, one at a time. */
export function testEveryCall(...names: readonly string[]): void {
  for (const name of names) {
    for (const singleDisk of [true, false]) {
      test(`${name}: whichever store call fails, nothing is lost${singleDisk ? ", on one disk" : ""}`, async () => {
        const act = actNamed(name);
        const prepared = await act.prepare(memoryStore({ singleDisk }));
        const changes = await changesOf(prepared, act);
        for (const fault of singleDisk ? allFaults : someFaults) {
          // A call that changes nothing has no effect that could be late.
          const differs = changes.map((isChange) => isChange || fault.fault === "before");
          for (const [at, isWorth] of differs.entries()) if (isWorth) await runWithFault(prepared, act, fault, at);
        }
      });
    }
  }
}
