import { arch, cpus, loadavg, release, totalmem } from "node:os";
import process from "node:process";

import type { YearsResult } from "../e2e/keys/year-run.ts";

/** What a run was asked for, and where and how long it ran. */
export type YearsRun = {
  readonly seed: string;
  readonly machines: number;
  readonly keep: string;
  /** Only losses whose names it fits were planted; empty: all. */
  readonly losses: string;
  readonly seconds: number;
  /** Where the picture is, as seen from the page; null: none was drawn. */
  readonly picture: string | null;
  /** A date, and the words of `thisHost`. */
  readonly date: string;
  readonly host: string;
};

/** What it runs on, and how busy that is. */
export function thisHost(): string {
  const [cpu] = cpus();
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  const busy = loadavg()[2]?.toFixed(1) ?? "unknown";
  return `${cpus().length} × ${cpu?.model ?? "unknown processor"}, ${memory}, Linux ${release()} ${arch()}, Node ${process.version}; load of the last 15 minutes ${busy}`;
}

const about = `The world: LUKS2 and LUKS1 volumes that cryptsetup makes on files, and that the product rolls over by cryptsetup; a BitLocker volume that tests make in
memory; a vault in a memory store; the real key side over a database in a file. Each day a backup, a report, proofs and a copy of the key store; a prune
every 7 days, of which one in six is missed; a check of all points every 7, each with another half of the data; a rollover every 30; once a month a person who
deletes a point, and a custodian who tries to destroy every version that was replaced; every 15 days a loss, where the one before is over.

Each kind of act is killed at each of its calls in turn: at each change of the store, before and after it; at each question to the key side, by the death of
either. What was walked over once is killed more seldom.

After each day: each disk and each live point that is green opens, by the header that it keeps and the value that the key store has; no version was destroyed
within 44 days of a point that it opened, or 90 of a disk; nothing is told that the loss at hand does not explain. Each loss is noticed within its check cycle.
A run in which any of that does not hold ends there, and prints no page.

Not in it: BitLocker volumes that Windows made, and kills at an arbitrary instruction (\`e2e/faults/kill.test.ts\`, \`e2e/keys/rollover.test.ts\`).
`;

/** What came of years, as a page in Markdown. */
export function yearsPage(result: YearsResult, run: YearsRun): string {
  const { noticed, walked, counts } = result;
  const only = run.losses === "" ? "" : ` Only losses that fit \`${run.losses}\` were planted.`;
  const perDay = ((1000 * run.seconds) / result.days).toFixed(0);
  const picture = run.picture === null ? "" : `\n![Key versions and points of the machines](${run.picture})\n`;
  return `# Years on a set clock

Printed by \`node bench/ten-years.ts\`: ${result.days} days in ${run.seconds.toFixed(0)} s, ${perDay} ms a day, on ${run.date}; ${run.host}. Seed \`${run.seed}\`, ${run.machines} machines, keep rule \`${run.keep}\`.${only}

${about}
${table(["planted", "times", "noticed after at most"], lossRows(noticed))}
${table(["killed at each call", "calls, at most", "rounds"], walkRows(walked))}
${table(["what was done", ""], [...Object.entries(counts).map(([what, count]) => [countWords[what as keyof typeof counts], count]), ...restRows(result)])}${picture}`;
}

const countWords: Readonly<Record<keyof YearsResult["counts"], string>> = {
  backups: "backups",
  derived: "proofs by a derivation",
  carried: "proofs that were carried over",
  rollovers: "rollovers",
  refusals: "attempts to destroy a version that were refused",
};

function restRows({ kills, destroyed, opened, points }: YearsResult): readonly Row[] {
  return [
    ["versions that were destroyed", destroyed],
    ["processes that were killed", kills],
    ["headers and values that the readers alone opened", opened],
    ["points that are left", points],
  ];
}

function lossRows(noticed: YearsResult["noticed"]): readonly Row[] {
  return Object.entries(noticed).map(([loss, { times, mostDays }]) => [loss, times, days(mostDays)]);
}

function walkRows(walked: YearsResult["walked"]): readonly Row[] {
  return Object.entries(walked).map(([act, { calls, rounds }]) => [act, calls, rounds]);
}

function days(count: number): string {
  return count === 1 ? "1 day" : `${count} days`;
}

type Row = readonly (string | number)[];

function table(heads: readonly string[], rows: readonly Row[]): string {
  const lines = [heads, heads.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`);
  return `${lines.join("\n")}\n`;
}
