import { resolve } from "node:path";

import type { App } from "#cli/app/app.ts";
import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { createFile } from "#cli/files/durable-file.ts";
import { isSystemError } from "#cli/files/key-files.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { formatTable } from "#cli/output/table.ts";
import { parsePath } from "#cli/program/options.ts";
import { keySideNeeds } from "#cli/shown/key-side-status.ts";
import { shownLight } from "#cli/shown/shown-light.ts";
import { targetFailure } from "#disk/target-failure.ts";
import { LockstepError } from "#errors/errors.ts";
import { reportAttention } from "#ops/report/report-attention.ts";
import { countOf } from "#ops/report/report-counts.ts";
import { reportHtml } from "#ops/report/report-html.ts";
import { makeReport } from "#ops/report/report.ts";
import type { Report } from "#ops/report/report.ts";

type Options = { readonly html?: true; readonly to?: string };

/** `report` */
export const define: Define = (command, run) => {
  command
    .option("--html", "as a page with a picture, on standard output or in a file")
    .option("--to <file>", "a new file for that page", parsePath)
    .addHelpText(
      "after",
      helpEnd(
        [
          ["lockstep report", ""],
          ["lockstep report --html --to report.html", "for an auditor: docs/report.md"],
        ],
        ["0 all points are green, and all else is well", "2 something needs a person", "75 the file is there already"],
      ),
    )
    .action(
      run(async (app, { html, to }: Options) => {
        const { output, host } = app;
        refuseMuddle(output.json, html === true, to);
        const report = await gathered(app);
        const needs = [...reportAttention(report), ...keySideWords(report)];
        const path = to === undefined ? null : resolve(host.workingFolder, to);
        if (path !== null) await writeNew(path, reportHtml(report, needs));
        else if (html === true) await output.writeData(new TextEncoder().encode(reportHtml(report, needs)));
        else sayReport(app, report, needs);
        if (path !== null)
          output.print(`${path}: ${needs.length === 0 ? "all is well" : `${needs.length} things need a person`}`);
        output.finish(shownReport(report, needs, path));
        return needs.length === 0 ? exitCodes.done : exitCodes.attention;
      }),
    );
};

function refuseMuddle(json: boolean, html: boolean, to: string | undefined): void {
  if (to !== undefined && !html) {
    throw new LockstepError("ARGUMENT_INVALID", "--to is for --html", { hint: "Give --html as well." });
  }
  if (json && html && to === undefined) {
    throw new LockstepError("ARGUMENT_INVALID", "--json and --html cannot both go to standard output", {
      hint: "Give --to with a file for the page.",
    });
  }
}

async function gathered(app: App): Promise<Report> {
  const opened = await app.openVault();
  const machines = await opened.machines();
  const client = await app.keySide("custodian");
  const vault = { id: opened.keyring.vault.id, place: opened.place };
  return makeReport({ vault, machines, client, now: app.now() }, app.signal);
}

function keySideWords({ keySide, trouble }: Report): string[] {
  if (keySide === null) return keySideNeeds({ state: "unreachable", why: trouble, facts: null });
  return keySideNeeds({ state: keySide.store.sealed ? "sealed" : "open", why: null, facts: keySide });
}

function sayReport({ output }: App, { machines, keySide }: Report, needs: readonly string[]): void {
  const rows = machines.map(({ name, live, deleted, points }) => [
    name,
    ...[live.green, live.amber, live.red, live.plain, countOf(deleted), points.length].map(String),
  ]);
  const counts = ["GREEN", "AMBER", "RED", "NO KEY NEEDED", "DELETED", "ALL"] as const;
  const columns = [{ title: "MACHINE" }, ...counts.map((title) => ({ title, align: "right" }) as const)];
  output.print(...formatTable(columns, rows));
  if (keySide !== null) {
    const { audit, versions } = keySide;
    output.print(
      "",
      `${versions.length} key versions; audit log up to entry ${audit.head?.seq ?? 0}, ${audit.receipts} receipts compared, ${audit.refused.length} refused acts`,
    );
  }
  if (needs.length > 0) output.print("", "Needs a person:", ...needs.map((words) => `  ${words}`));
}

function shownReport(
  { at, vault, machines, unread, keySide, trouble, bound }: Report,
  needs: readonly string[],
  path: string | null,
) {
  return {
    at: at.toString(),
    vault,
    path,
    needs,
    machines: machines.map(({ points, ...machine }) => ({
      ...machine,
      points: points.map((point) => ({ ...point, light: shownLight(point.light), bound: bound.get(point.id) ?? [] })),
    })),
    unread,
    keySide,
    trouble,
  };
}

/** @throws {LockstepError} TARGET_EXISTS, and what `targetFailure` gives; nothing is left then */
async function writeNew(path: string, text: string): Promise<void> {
  try {
    await createFile(path, text, 0o600);
  } catch (error) {
    if (!isSystemError(error, "EEXIST")) throw targetFailure(`writing ${path}`, error);
    throw new LockstepError("TARGET_EXISTS", `writing the report: ${path} is there already`, {
      hint: "Name a new file.",
      cause: error,
    });
  }
}
