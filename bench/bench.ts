import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { arch, cpus, release, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";

import { aged } from "./cases/aged.ts";
import { full } from "./cases/full.ts";
import { huge } from "./cases/huge.ts";
import { incremental } from "./cases/incremental.ts";
import { listing } from "./cases/listing.ts";
import { plain } from "./cases/plain.ts";
import { restore } from "./cases/restore.ts";
import { sparse } from "./cases/sparse.ts";
import { volumes } from "./cases/volumes.ts";
import { isMet, markdown, say } from "./report.ts";
import type { CaseReport } from "./report.ts";
import { Workspace } from "./workspace.ts";

/*
 * Measures the whole commands against their peers, in one run, and prints tables in Markdown. Needs root (to empty the
 * page cache), restic, borg, qemu-img and GNU time, and ten times the image's size of free room.
 *
 *   npm run bench -- [--size-gib 4] [--runs 5] [--only full,restore] [--folder DIR] [--to FILE]
 */

const cases = { full, incremental, restore, aged, sparse, huge, listing, plain, volumes } as const;

const { values } = parseArgs({
  options: {
    "size-gib": { type: "string", default: "4" },
    runs: { type: "string", default: "5" },
    only: { type: "string", default: Object.keys(cases).join(",") },
    folder: { type: "string", default: tmpdir() },
    to: { type: "string" },
  },
});

const folder = mkdtempSync(join(values.folder, "lockstep-bench-"));
const space = new Workspace(folder, Number(values["size-gib"]) * 2 ** 30, Number(values.runs));
const [cpu] = cpus();
const parts = [
  `Measured on ${Temporal.Now.plainDateISO().toString()}, ${cpus().length} × ${cpu?.model ?? "unknown processor"}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()} ${arch()}, Node ${process.version}; image of ${values["size-gib"]} GiB, medians of ${values.runs} runs.\n`,
];
const reports: CaseReport[] = [];
try {
  for (const [name, measure] of Object.entries(cases)) {
    if (!values.only.split(",").includes(name)) continue;
    say(`${name} …`);
    for (const report of await measure(space)) {
      reports.push(report);
      parts.push(markdown(report));
      say(markdown(report));
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
const claims = reports.flatMap((report) => report.claims);
parts.push(`${claims.filter(isMet).length} of ${claims.length} targets met.\n`);
process.stdout.write(parts.join("\n"));
if (values.to !== undefined) writeFileSync(values.to, parts.join("\n"));
