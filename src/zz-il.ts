import { SharedWorld } from "#testing/shared-world.ts";
import { interleave } from "#testing/schedules.ts";
import * as P from "#testing/participants.ts";
const w = await SharedWorld.make({});
for (const [a, b] of [[P.aBackup, P.deleteOf("newest")], [P.aBackup, P.anotherBackup], [P.aBackup, P.aPrune],[P.aPrune, P.aBackup], [P.aPrune, P.aPrune], [P.aCheck, P.aPrune]]) {
const t = performance.now();
try {
const r = await interleave(w, a, b);
const ms = performance.now() - t;
console.log(a.name, b.name, r, ms, ms / r.schedules);
} catch (e) { console.log(a.name, b.name, "FAILED", e, performance.now() - t); }
}
