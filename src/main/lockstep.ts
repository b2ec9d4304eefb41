import { readFileSync } from "node:fs";
import process from "node:process";

import { exitCodes } from "#cli/exit-codes.ts";
import { runProgram } from "#cli/program.ts";
import { readEnvironment } from "#main/environment.ts";

/** The version in package.json. */
function readVersion(): string {
  const file: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  return typeof file === "object" && file !== null && "version" in file ? String(file.version) : "unknown";
}

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    if (stop.signal.aborted) process.exit(exitCodes.cancelled);
    stop.abort();
  });
}

const version = readVersion();
const status = await runProgram(process.argv.slice(2), {
  version,
  stdout: process.stdout,
  stderr: process.stderr,
  openApp: async (output, flags) => {
    // Loaded here, since `--help` needs none of it.
    const { openApp } = await import("#main/wiring/app.ts");
    const environment = readEnvironment();
    const program = `lockstep ${version}`;
    return openApp({ environment, program, stdin: process.stdin, signal: stop.signal }, output, flags);
  },
});
process.exit(status);
