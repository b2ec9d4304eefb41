import { memoryStore } from "#store/memory.ts";
import { damages } from "./damages.ts";
import { goOn, lookAround, richVault, victimsIn } from "./damage-rig.ts";
const singleDisk = process.argv[2] !== "plain";
const prepared = await richVault(memoryStore({ singleDisk }));
const { signal } = new AbortController();
let n = 0;
const t0 = performance.now();
for (const victim of await victimsIn(prepared)) {
  if (process.argv[3] && !victim.kind.includes(process.argv[3])) continue;
  const other = { key: victim.other, bytes: (await prepared.store.get(victim.other, 1e9, signal))! };
  const out: Record<string, string[]> = {};
  for (const damage of damages) {
    if (damage.name.includes("another") && victim.key === victim.other) continue;
    n++;
    const whole = await prepared.copy();
    const way = `${victim.kind} ${damage.name}`;
    let line = "";
    try {
      const store = await damage.apply(whole.store, victim.key, other);
      const f = await lookAround(whole, store, way);
      line = `${f.noticed ? "noticed" : "UNNOTICED"}, ${f.error ? "NOT OPENED " + f.error.code : "opened"} lost ${f.lost.map((e) => e.code)}`;
      const g = await goOn(whole, store, way);
      line += `; later ${g.map((e) => e.code)}`;
      if (process.argv[3]) line += g.concat(f.lost, f.error ?? []).map((e) => e.message).join(" | ");
    } catch (e) { line = "CRASH " + String(e instanceof Error ? e.stack : e).slice(0, 900); }
    (out[line] ??= []).push(damage.name);
  }
  console.log(`== ${victim.kind}`);
  for (const [l, d] of Object.entries(out)) console.log("  ", l, "<-", d.join(", "));
}
console.log(n, Math.round(performance.now() - t0));
