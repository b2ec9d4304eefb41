import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";

import { readFailure } from "#cli/files/read-failure.ts";
import type { Config, Origin, Setting } from "#cli/app/settings.ts";
import { LockstepError } from "#errors/errors.ts";
import { parseConfig } from "#main/config/config-file.ts";
import type { ConfigFile } from "#main/config/config-file.ts";
import { absolute, configPaths, firstNamed } from "#main/config/config-paths.ts";
import type { ConfigPaths } from "#main/config/config-paths.ts";
import type { Environment } from "#main/config/environment.ts";
import type { KeepRule } from "#policy/keep.ts";

/** Options of every command that outrank the environment and the file. */
export type ConfigFlags = {
  readonly config?: string | undefined;
  /** A configuration that is named need not be there: the command makes it. */
  readonly configMayBeNew?: boolean | undefined;
  readonly vault?: string | undefined;
  readonly passphraseFile?: string | undefined;
};

/**
 * Finds and reads the configuration. A default file that is not there is an empty one.
 *
 * @throws {LockstepError} FILE_MISSING: a named file is not there; FILE_DENIED; CONFIG_INVALID: it is a folder, or see
 *   `parseConfig`; CANCELLED
 */
export async function loadConfig(environment: Environment, flags: ConfigFlags, signal: AbortSignal): Promise<Config> {
  const paths = configPaths(environment, flags);
  const text = await readText(paths.config, flags.configMayBeNew === true, signal);
  return effective(paths, text === null ? {} : parseConfig(text, paths.config.value), environment, flags);
}

async function readText(config: Setting<string>, mayBeNew: boolean, signal: AbortSignal): Promise<string | null> {
  try {
    return await readFile(config.value, { encoding: "utf8", signal });
  } catch (error) {
    if (signal.aborted) throw new LockstepError("CANCELLED", "reading the configuration was stopped", { cause: error });
    const isMissing = error instanceof Error && "code" in error && error.code === "ENOENT";
    if (isMissing && (mayBeNew || config.from === "default")) return null;
    throw readFailure(`reading the configuration ${config.value}`, "CONFIG_INVALID", error, namedBy(config.from));
  }
}

function namedBy(origin: Origin): string | undefined {
  if (origin === "default") return undefined;
  const name = origin === "flag" ? "--config" : "LOCKSTEP_CONFIG";
  return `It is named by ${name}; without that, the default one is used.`;
}

function effective(paths: ConfigPaths, file: ConfigFile, environment: Environment, flags: ConfigFlags): Config {
  const { workingFolder } = environment;
  const folder = dirname(paths.config.value);
  const fromFile = <Value>(value: Value | undefined, otherwise: Value): Setting<Value> =>
    value === undefined ? { value: otherwise, from: "default" } : { value, from: "file" };
  const inFolder = (path: string): string => absolute(path, folder);
  const placeFromFile = (path: string | undefined, otherwise: string): Setting<string> =>
    fromFile(path === undefined ? undefined : inFolder(path), otherwise);
  const keysFolder = placeFromFile(file.keys?.folder, join(paths.state.value, "keys"));
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
    cacheNodes: fromFile(file.cache?.nodes, "auto"),
    cacheLimitGib: fromFile(file.cache?.["limit-gib"], 4),
    keysFolder,
    keysSocket: placeFromFile(file.keys?.socket, join(keysFolder.value, "socket")),
    keysKeyFile: placeFromFile(file.keys?.["key-file"], join(paths.state.value, "key-store.key")),
    keysIdleMinutes: fromFile(file.keys?.["idle-minutes"], 5),
    keep: fromFile<KeepRule>(file.defaults?.keep, {}),
    everyHours: fromFile(file.defaults?.["every-hours"], 24),
    timeZone: fromFile(file.defaults?.["time-zone"], "UTC"),
  };
}
