import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";

import { LockstepError, messageOf } from "#errors/errors.ts";
import { parseConfig } from "#main/config-file.ts";
import type { ConfigFile } from "#main/config-file.ts";
import { absolute, configPaths, firstNamed } from "#main/config-paths.ts";
import type { ConfigPaths, Origin, Setting } from "#main/config-paths.ts";
import type { Environment } from "#main/environment.ts";
import { formatKeep } from "#policy/keep.ts";
import type { KeepRule } from "#policy/keep.ts";

/** Options of every command that outrank the environment and the file. */
export type ConfigFlags = {
  readonly config?: string | undefined;
  readonly vault?: string | undefined;
  readonly passphraseFile?: string | undefined;
};

/** All that holds for a command, and where each of it came from. Paths are absolute. */
export type Config = ConfigPaths & {
  readonly cache: Setting<string>;
  /** A folder, or a URL as it was written; null when nothing names a vault. */
  readonly vault: Setting<string | null>;
  readonly passphraseFile: Setting<string | null>;
  /** Folders in which every disk should be protected. */
  readonly watch: Setting<readonly string[]>;
  readonly checkpointMinutes: Setting<number>;
  readonly checkpointGib: Setting<number>;
  readonly lanes: Setting<number>;
  /** What a machine gets that is protected without saying it otherwise. */
  readonly keep: Setting<KeepRule>;
  readonly everyHours: Setting<number>;
  readonly timeZone: Setting<string>;
};

/**
 * Finds and reads the configuration. A default file that is not there is an empty one.
 *
 * @throws {LockstepError} CONFIG_INVALID: a named file is not there, a file cannot be read, or see `parseConfig`;
 *   CANCELLED
 */
export async function loadConfig(environment: Environment, flags: ConfigFlags, signal: AbortSignal): Promise<Config> {
  const paths = configPaths(environment, flags);
  const text = await readText(paths.config, signal);
  return effective(paths, text === null ? {} : parseConfig(text, paths.config.value), environment, flags);
}

async function readText(config: Setting<string>, signal: AbortSignal): Promise<string | null> {
  try {
    return await readFile(config.value, { encoding: "utf8", signal });
  } catch (error) {
    if (signal.aborted) throw new LockstepError("CANCELLED", "reading the configuration was stopped", { cause: error });
    const isMissing = error instanceof Error && "code" in error && error.code === "ENOENT";
    if (isMissing && config.from === "default") return null;
    const how = { flag: "by --config", environment: "by LOCKSTEP_CONFIG", file: "", default: "" }[config.from];
    throw new LockstepError("CONFIG_INVALID", `reading the configuration ${config.value} failed: ${messageOf(error)}`, {
      hint: how === "" ? undefined : `It is named ${how}; without that, the default one is used.`,
      cause: error,
    });
  }
}

function effective(paths: ConfigPaths, file: ConfigFile, environment: Environment, flags: ConfigFlags): Config {
  const { workingFolder } = environment;
  const folder = dirname(paths.config.value);
  const fromFile = <Value>(value: Value | undefined, otherwise: Value): Setting<Value> =>
    value === undefined ? { value: otherwise, from: "default" } : { value, from: "file" };
  const inFolder = (path: string): string => absolute(path, folder);
  return {
    ...paths,
    cache: { value: join(paths.state.value, "cache"), from: paths.state.from },
    vault:
      firstNamed(flags.vault, environment.vault, workingFolder) ??
      fromFile<string | null>(file.vault === undefined ? undefined : inFolder(file.vault), null),
    passphraseFile: firstNamed(flags.passphraseFile, environment.passphraseFile, workingFolder) ?? {
      value: null,
      from: "default",
    },
    watch: fromFile<readonly string[]>(file.watch?.map(inFolder), []),
    checkpointMinutes: fromFile(file.backup?.["checkpoint-minutes"], 5),
    checkpointGib: fromFile(file.backup?.["checkpoint-gib"], 64),
    lanes: fromFile(file.backup?.lanes, 2),
    keep: fromFile<KeepRule>(file.defaults?.keep, {}),
    everyHours: fromFile(file.defaults?.["every-hours"], 24),
    timeZone: fromFile(file.defaults?.["time-zone"], "UTC"),
  };
}

export type ShownSetting = {
  /** As it is written in the file, with its table, or what it is called in docs/configuration.md. */
  readonly key: string;
  readonly value: string | number | readonly string[] | null;
  readonly from: Origin;
};

/** What `config show` shows: every setting with its value and origin, in the order of docs/configuration.md. */
export function showConfig(config: Config): readonly ShownSetting[] {
  const { keep } = config;
  return [
    { key: "config", ...config.config },
    { key: "state", ...config.state },
    { key: "cache", ...config.cache },
    { key: "passphrase-file", ...config.passphraseFile },
    { key: "vault", ...config.vault },
    { key: "watch", ...config.watch },
    { key: "backup.checkpoint-minutes", ...config.checkpointMinutes },
    { key: "backup.checkpoint-gib", ...config.checkpointGib },
    { key: "backup.lanes", ...config.lanes },
    { key: "defaults.keep", value: formatKeep(keep.value), from: keep.from },
    { key: "defaults.every-hours", ...config.everyHours },
    { key: "defaults.time-zone", ...config.timeZone },
  ];
}
