import process from "node:process";

import type { Result } from "./measure.ts";

/** A target of the product, and what was measured. */
export type Claim = {
  readonly text: string;
  readonly measured: number;
  readonly limit: number;
  /** "most": not above the limit; "least": not below it. */
  readonly kind: "most" | "least";
  readonly unit?: string;
};

/** What a case came to: a table of runs, and the claims that it decides. */
export type CaseReport = {
  readonly title: string;
  readonly results: readonly Result[];
  readonly claims: readonly Claim[];
  readonly notes?: readonly string[];
};

/** A case's report as Markdown. */
export function markdown({ title, results, claims, notes = [] }: CaseReport): string {
  const lines = [`## ${title}`, ""];
  if (results.length > 0) {
    lines.push("| command | wall s | CPU s | peak MiB |", "| --- | --- | --- | --- |");
    for (const { name, wallSeconds, cpuSeconds, peakBytes } of results) {
      lines.push(
        `| ${name} | ${wallSeconds.toFixed(2)} | ${cpuSeconds.toFixed(2)} | ${Math.round(peakBytes / 2 ** 20)} |`,
      );
    }
    lines.push("");
  }
  if (claims.length > 0) {
    lines.push("| target | measured | limit | |", "| --- | --- | --- | --- |");
    for (const claim of claims) {
      const { text, measured, limit, kind, unit = "" } = claim;
      const sign = kind === "most" ? "≤" : "≥";
      lines.push(
        `| ${text} | ${figure(measured)}${unit} | ${sign} ${limit}${unit} | ${isMet(claim) ? "met" : "**missed**"} |`,
      );
    }
    lines.push("");
  }
  for (const note of notes) lines.push(note, "");
  return lines.join("\n");
}

export function isMet({ measured, limit, kind }: Claim): boolean {
  return kind === "most" ? measured <= limit : measured >= limit;
}

function figure(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(2);
}

/** Wall time of a contender by name. */
export function wallOf(results: readonly Result[], name: string): number {
  const found = results.find((result) => result.name === name);
  if (found === undefined) throw new Error(`no result of ${name}`);
  return found.wallSeconds;
}

export function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
