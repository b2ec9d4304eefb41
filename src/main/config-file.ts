import { TomlError, parse } from "smol-toml";
import { z } from "zod";

import { nodeCaching } from "#cli/settings.ts";
import { LockstepError, isLockstepError } from "#errors/errors.ts";
import { lineOfKey } from "#main/config-line.ts";
import { parseKeep } from "#policy/keep.ts";
import { parseTimeZone } from "#policy/time-zone.ts";

/** A text that one of our parsers reads, whose own words say what is wrong with it. */
function parsed<Value>(parseText: (text: string) => Value) {
  return z.string().transform((text, context) => {
    try {
      return parseText(text);
    } catch (error) {
      if (!isLockstepError(error, "ARGUMENT_INVALID")) throw error;
      context.addIssue({ code: "custom", message: error.message });
      return z.NEVER;
    }
  });
}

const path = z.string().min(1);

/** The configuration file. Every key is optional, and one that is not here is an error. docs/configuration.md */
const schema = z.strictObject({
  vault: path.optional(),
  watch: z.array(path).optional(),
  backup: z
    .strictObject({
      "checkpoint-minutes": z.number().positive().max(1440).optional(),
      "checkpoint-gib": z
        .number()
        .positive()
        .max(1024 * 1024)
        .optional(),
      lanes: z.int().min(1).max(64).optional(),
    })
    .optional(),
  cache: z
    .strictObject({
      nodes: z.enum(nodeCaching).optional(),
      "limit-gib": z
        .number()
        .positive()
        .max(1024 * 1024)
        .optional(),
    })
    .optional(),
  defaults: z
    .strictObject({
      keep: parsed(parseKeep).optional(),
      "every-hours": z
        .number()
        .positive()
        .max(24 * 366)
        .optional(),
      "time-zone": parsed(parseTimeZone).optional(),
    })
    .optional(),
});

export type ConfigFile = z.output<typeof schema>;

/**
 * Parses the text of a configuration file and checks all of it.
 *
 * @param name  the file, for messages
 * @throws {LockstepError} CONFIG_INVALID: not TOML, a key that does not exist, or a value that cannot be; the message
 *   names the key and, where it can be told, the line
 */
export function parseConfig(text: string, name: string): ConfigFile {
  const checked = schema.safeParse(parseToml(text, name));
  if (checked.success) return checked.data;
  const problems = checked.error.issues.flatMap((issue) =>
    issue.code === "unrecognized_keys"
      ? issue.keys.map((key) => ({ path: [...issue.path, key], message: "there is no such key" }))
      : [{ path: issue.path, message: issue.message }],
  );
  throw new LockstepError(
    "CONFIG_INVALID",
    `the configuration ${name} cannot be used: ${problems.map((problem) => inWords(text, problem)).join("; ")}`,
    { hint: "docs/configuration.md lists all keys, with examples." },
  );
}

function parseToml(text: string, name: string): unknown {
  try {
    return parse(text, { maxDepth: 8 });
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [first = ""] = error.message.split("\n");
    const why = first.replace(/^Invalid TOML document: /, "");
    throw new LockstepError(
      "CONFIG_INVALID",
      `the configuration ${name} is not TOML: line ${error.line}, column ${error.column}: ${why}`,
      { cause: error },
    );
  }
}

/** A problem as `backup.lanes (line 7): Too small: …`. */
function inWords(text: string, problem: { path: readonly PropertyKey[]; message: string }): string {
  const keys = problem.path.filter((key) => typeof key === "string");
  const line = lineOfKey(text, keys);
  return `${keys.join(".")}${line === null ? "" : ` (line ${line})`}: ${problem.message}`;
}
