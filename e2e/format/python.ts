import { spawnSync } from "node:child_process";
import { join } from "node:path";
import type { TestContext } from "node:test";

/** What a Python program said. */
export type Said = { readonly status: number | null; readonly stdout: string; readonly stderr: string };

/** Runs a Python program that lies in this folder. */
export type Python = (program: string, ...args: readonly string[]) => Said;

/**
 * A Python 3 that has the modules. Where there is none the test is skipped, and says so.
 *
 * @param modules  Python's names of them
 * @returns        null when the test must end
 */
export function pythonOr(t: TestContext, modules: readonly string[]): Python | null {
  const script = `import ${modules.join(", ")}`;
  const found = ["python3", "/usr/bin/python3"].find((each) => spawnSync(each, ["-c", script]).status === 0);
  if (found !== undefined) {
    return (program, ...args) => spawnSync(found, [join(import.meta.dirname, program), ...args], { encoding: "utf8" });
  }
  const reason = `needs python3 with ${modules.join(", ")}`;
  console.error(`NOT TESTED: ${t.name}: ${reason}`);
  t.skip(reason);
  return null;
}

/** The JSON that a program printed. @throws when it failed, with its output */
export function jsonOf({ status, stdout, stderr }: Said): unknown {
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}
