import { open, unlink } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { resolve } from "node:path";

import type { App } from "#cli/app/app.ts";
import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { isSystemError } from "#cli/files/key-files.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { counted } from "#cli/shown/checked.ts";
import { targetFailure } from "#disk/target-failure.ts";
import { LockstepError } from "#errors/errors.ts";

/** Entries that are asked for at once. */
const PAGE = 5_000;

/** `audit export FILE` */
export const define: Define = (command, run) => {
  command
    .argument("<file>", "a new file, for lines of JSON")
    .addHelpText(
      "after",
      helpEnd(
        [["lockstep audit export audit-2026.jsonl", "can be verified without Lockstep: docs/format/audit.md"]],
        ["0 written", "75 the file is there already"],
      ),
    )
    .action(
      run(async (app, given: string) => {
        const path = resolve(app.host.workingFolder, given);
        const file = await newFile(path);
        let lines = 0;
        try {
          lines = await exportTo(file, app);
          await file.sync();
        } catch (error) {
          await unlink(path);
          throw unwritable(path, error);
        } finally {
          await file.close();
        }
        app.output.print(`${path}: ${counted(lines, "line")}`);
        app.output.finish({ path, lines });
        return exitCodes.done;
      }),
    );
};

/** @returns  how many lines were written */
async function exportTo(file: FileHandle, { keySide, signal }: App): Promise<number> {
  const client = await keySide("custodian");
  let count = 0;
  let from: number | null = 1;
  while (from !== null) {
    const page: { header: string; lines: string[]; next: number | null } = await client.call(
      "audit.export",
      { from, limit: PAGE },
      signal,
    );
    const lines = from === 1 ? [page.header, ...page.lines] : page.lines;
    await file.appendFile(lines.map((line) => `${line}\n`).join(""));
    count += lines.length;
    from = page.next;
  }
  return count;
}

async function newFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, "wx", 0o600);
  } catch (error) {
    if (isSystemError(error, "EEXIST")) {
      throw new LockstepError("TARGET_EXISTS", `exporting the audit log: ${path} is there already`, { cause: error });
    }
    throw unwritable(path, error);
  }
}

function unwritable(path: string, error: unknown): unknown {
  if (error instanceof LockstepError) return error;
  return targetFailure(`writing ${path}`, error);
}
