import { TomlError, parse } from "smol-toml";

import { nodeCaching } from "#cli/app/settings.ts";
import { LockstepError } from "#errors/errors.ts";
import { lineOfKey } from "#main/config/config-line.ts";
import { count, list, oneOf, parsed, positive, table, text } from "#main/config/config-values.ts";
import { parseKeep } from "#policy/keep.ts";
import { parseTimeZone } from "#policy/time-zone.ts";

/** The configuration file. Every key is optional, and one that is not here is an error. docs/configuration.md */
const file = table({
  vault: text,
  watch: list(text),
  backup: table({
    "checkpoint-minutes": positive(1440),
    "checkpoint-gib": positive(1024 * 1024),
    lanes: count(64),
  }),
  cache: table({ nodes: oneOf(nodeCaching), "limit-gib": positive(1024 * 1024) }),
  keys: table({ folder: text, socket: text, "key-file": text, "idle-minutes": positive(1440) }),
  defaults: table({
    keep: parsed(parseKeep),
    "every-hours": positive(24 * 366),
    "time-zone": parsed(parseTimeZone),
  }),
});

export type ConfigFile = NonNullable<ReturnType<typeof file>>;

/** What is wrong, and with which key. */
type Problem = { readonly keys: readonly string[]; readonly message: string };

/**
 * Parses the text of a configuration file and checks all of it.
 *
 * @param name  the file, for messages
 * @throws {LockstepError} CONFIG_INVALID: not TOML, a key that does not exist, or a value that cannot be; the message
 *   names the key and, where it can be told, the line
 */
export function parseConfig(content: string, name: string): ConfigFile {
  const problems: Problem[] = [];
  const read = file(parseToml(content, name), (message, ...keys) => void problems.push({ keys, message }));
  if (read !== undefined && problems.length === 0) return read;
  throw new LockstepError(
    "CONFIG_INVALID",
    `the configuration ${name} cannot be used: ${problems.map((problem) => inWords(content, problem)).join("; ")}`,
    { hint: "docs/configuration.md lists all keys, with examples." },
  );
}

function parseToml(content: string, name: string): unknown {
  try {
    return parse(content, { maxDepth: 8 });
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

/** A problem as `backup.lanes (line 7): a whole number …`. */
function inWords(content: string, { keys, message }: Problem): string {
  const line = lineOfKey(content, keys);
  return `${keys.join(".")}${line === null ? "" : ` (line ${line})`}: ${message}`;
}
