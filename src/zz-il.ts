import { SharedWorld } from "#testing/shared-world.ts";
import { interleave } from "#testing/schedules.ts";
import * as P from "#testing/participants.ts";
const [traits, step, only] = [JSON.parse(process.argv[2]!), Number(process.argv[3]), process.argv[4]];
const w = await SharedWorld.make(traits);
const all = process.argv[5] ? [P.aBackup, P.aPrune, P.aCheck, P.restoreOf("old"), P.aNewWay, P.aRemovedWay, P.aRemovedWayAndRekey] : [P.aBackup, P.anotherBackup, P.aPrune, P.aCheck, P.deleteOf("newest"), P.undeleteOf("gone"), P.restoreOf("gone"), P.restoreOf("old"), P.aRekey];
let total = 0, t0 = performance.now();
for (const a of all) for (const b of all) {
if (a === b && a !== P.aPrune && a !== P.aRekey && a !== P.aCheck) continue;
if (only && !`${a.name} x ${b.name}`.match(only)) continue;
if (traits.damaged && (a.name.startsWith("restore") || b.name.startsWith("restore"))) continue;
const t = performance.now();
try {
const r = await interleave(w, a, b, { step });
const ms = performance.now() - t; total += r.schedules;
console.log(a.name, "x", b.name, r, (ms / r.schedules).toFixed(1));
} catch (e: any) { console.log(a.name, "x", b.name, "FAILED", e.message, e.cause?.stack?.split("\n").slice(0,12).join("\n")); }
}
console.log(total, performance.now() - t0);
