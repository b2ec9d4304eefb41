import { homedir, hostname } from "node:os";
import { isAbsolute, join } from "node:path";
import process from "node:process";

/** What the process was started with. Nothing else reads `process.env`. */
export type Environment = {
  /** `LOCKSTEP_CONFIG`; null when it is not set. An empty variable counts as not set, here and below. */
  readonly configPath: string | null;
  /** `LOCKSTEP_STATE_DIR` */
  readonly stateDir: string | null;
  /** `LOCKSTEP_VAULT` */
  readonly vault: string | null;
  /** `LOCKSTEP_PASSPHRASE_FILE` */
  readonly passphraseFile: string | null;
  /** `CREDENTIALS_DIRECTORY`, where systemd puts a service's credentials (systemd.exec(5)). */
  readonly credentialsFolder: string | null;
  /** `NO_COLOR` (no-color.org) */
  readonly noColor: boolean;
  readonly home: string;
  /** What relative paths on the command line and in variables start from. */
  readonly workingFolder: string;
  /** `XDG_CONFIG_HOME`, or its default. As the XDG Base Directory Specification says, a relative path is ignored. */
  readonly configHome: string;
  /** `XDG_STATE_HOME`, or its default. */
  readonly stateHome: string;
  readonly hostname: string;
  readonly isRoot: boolean;
  readonly stdinIsTerminal: boolean;
  readonly stdoutIsTerminal: boolean;
  readonly stderrIsTerminal: boolean;
  /** Width of the terminal; 80 where there is none. */
  readonly columns: number;
};

/** The parts of `process` and `node:os` that an environment is made of. */
export type Host = {
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly workingFolder: string;
  readonly hostname: string;
  readonly userId: number;
  readonly stdin: { readonly isTTY?: boolean };
  readonly stdout: { readonly isTTY?: boolean; readonly columns?: number };
  readonly stderr: { readonly isTTY?: boolean; readonly columns?: number };
};

/** Reads the environment of this process. */
export function readEnvironment(): Environment {
  return environmentOf({
    variables: process.env,
    home: homedir(),
    workingFolder: process.cwd(),
    hostname: hostname(),
    userId: process.geteuid?.() ?? -1,
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
  });
}

/** The environment that a host gives. */
export function environmentOf({ variables, home, userId, stdin, stdout, stderr, ...host }: Host): Environment {
  const variable = (name: string): string | null => variables[name] || null;
  const folder = (name: string, otherwise: string): string => {
    const path = variable(name);
    return path !== null && isAbsolute(path) ? path : join(home, otherwise);
  };
  return {
    configPath: variable("LOCKSTEP_CONFIG"),
    stateDir: variable("LOCKSTEP_STATE_DIR"),
    vault: variable("LOCKSTEP_VAULT"),
    passphraseFile: variable("LOCKSTEP_PASSPHRASE_FILE"),
    credentialsFolder: variable("CREDENTIALS_DIRECTORY"),
    noColor: variable("NO_COLOR") !== null,
    home,
    workingFolder: host.workingFolder,
    configHome: folder("XDG_CONFIG_HOME", ".config"),
    stateHome: folder("XDG_STATE_HOME", ".local/state"),
    hostname: host.hostname,
    isRoot: userId === 0,
    stdinIsTerminal: stdin.isTTY === true,
    stdoutIsTerminal: stdout.isTTY === true,
    stderrIsTerminal: stderr.isTTY === true,
    columns: stdout.columns ?? stderr.columns ?? 80,
  };
}
