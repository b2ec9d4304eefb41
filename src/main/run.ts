import { readFileSync } from "node:fs";
import process from "node:process";

import { exitCodes } from "#cli/output/exit-codes.ts";
import type { ExitCode } from "#cli/output/exit-codes.ts";
import { runProgram } from "#cli/program/program.ts";
import { readEnvironment } from "#main/config/environment.ts";

/**
 * Runs the command line of this process. The first Ctrl-C or SIGTERM stops the command, which cleans up; the second ends
 * the process at once, which is as safe: whatever was not finished does not count.
 *
 * @returns  the status to exit with
 */
export async function run(): Promise<ExitCode> {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      if (stop.signal.aborted) process.exit(exitCodes.cancelled);
      stop.abort();
    });
  }
  const version = readVersion();
  return runProgram(process.argv.slice(2), {
    version,
    stdout: process.stdout,
    stderr: process.stderr,
    openApp: async (output, flags, { needsNoConfig = false }) => {
      const { openApp } = await import("#main/wiring/app.ts"); // `--help` needs none of it
      const environment = readEnvironment();
      const program = `lockstep ${version}`;
      const host = { environment, program, stdin: process.stdin, signal: stop.signal };
      return openApp(host, output, { ...flags, configMayBeNew: needsNoConfig });
    },
  });
}

/** The version in package.json. */
function readVersion(): string {
  const file: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  return typeof file === "object" && file !== null && "version" in file ? String(file.version) : "unknown";
}
