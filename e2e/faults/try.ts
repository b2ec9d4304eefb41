import { memoryStore } from "#store/memory.ts";
import { acts } from "#testing/acts.ts";
import { runWithFault } from "#testing/fault-run.ts";
const only = process.argv[2];
for (const act of acts) {
  if (only && !act.name.includes(only)) continue;
  const t0 = performance.now();
  let runs = 0, calls = 0;
  const prepared = await act.prepare(memoryStore({ singleDisk: true }));
  for (const lasts of ["once", "for this object", "for ever"] as const)
    for (const fault of ["before", "after", "delayed", { delayedByCalls: 2 }] as const)
      for (let at = 0; ; at++) {
        runs++;
        try {
        if (!(await runWithFault(prepared, act, { fault, lasts }, at))) break;
        } catch (e) { console.log(`FAIL ${act.name} ${lasts} ${JSON.stringify(fault)} ${at}`, String(e instanceof Error ? e.stack : e).slice(0, 1500)); if (process.argv[3]) process.exit(1); break; }
        calls = Math.max(at, calls);
      }
  console.log(act.name, runs, "runs", calls, "calls", Math.round(performance.now() - t0), "ms");
}
