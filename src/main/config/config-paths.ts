import { dirname, join, resolve } from "node:path";

import type { Config, Setting } from "#cli/app/settings.ts";
import { emptyPath } from "#cli/files/place.ts";
import type { Environment } from "#main/config/environment.ts";

export type ConfigPaths = Pick<Config, "config" | "state">;

/**
 * Where the configuration and the state of this host are.
 *
 * The configuration is what `--config` or `LOCKSTEP_CONFIG` names, else `/etc/lockstep/config.toml` for root and
 * `lockstep/config.toml` in the user's XDG folder for others. The state is where `LOCKSTEP_STATE_DIR` says, else the folder
 * `state` beside a configuration that was named, so that a trial touches nothing else; else `/var/lib/lockstep` for root
 * and `lockstep` in the user's XDG folder for others.
 */
export function configPaths(environment: Environment, flags: { readonly config?: string | undefined }): ConfigPaths {
  const { workingFolder, isRoot, configHome, stateHome } = environment;
  const config =
    firstNamed(flags.config, environment.configPath, workingFolder) ??
    byDefault(isRoot ? "/etc/lockstep/config.toml" : join(configHome, "lockstep/config.toml"));
  const besideConfig = config.from === "default" ? null : join(dirname(config.value), "state");
  const state =
    firstNamed(undefined, environment.stateDir, workingFolder) ??
    byDefault(besideConfig ?? (isRoot ? "/var/lib/lockstep" : join(stateHome, "lockstep")));
  return { config, state };
}

/** A path from the command line, else from the environment, made absolute; null when neither names one. */
export function firstNamed(
  flag: string | undefined,
  variable: string | null,
  workingFolder: string,
): Setting<string> | null {
  if (flag !== undefined) return { value: absolute(flag, workingFolder), from: "flag" };
  if (variable !== null) return { value: absolute(variable, workingFolder), from: "environment" };
  return null;
}

/**
 * An absolute path; a URL stays as it is.
 *
 * @throws {LockstepError} ARGUMENT_INVALID: it is empty, as a shell's variable that is not set: not the working folder
 */
export function absolute(path: string, folder: string): string {
  if (path === "") throw emptyPath();
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(path) ? path : resolve(folder, path);
}

function byDefault(value: string): Setting<string> {
  return { value, from: "default" };
}
