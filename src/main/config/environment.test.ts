import assert from "node:assert/strict";
import { test } from "node:test";

import { environmentOf } from "#main/config/environment.ts";
import type { Host } from "#main/config/environment.ts";

const host: Host = {
  variables: {},
  home: "/home/ann",
  workingFolder: "/home/ann/images",
  hostname: "backup1",
  userId: 1000,
  stdin: {},
  stdout: {},
  stderr: {},
};

test("what is not set has a default or is null", () => {
  assert.deepEqual(environmentOf(host), {
    configPath: null,
    stateDir: null,
    vault: null,
    passphraseFile: null,
    credentialsFolder: null,
    noColor: false,
    home: "/home/ann",
    workingFolder: "/home/ann/images",
    configHome: "/home/ann/.config",
    stateHome: "/home/ann/.local/state",
    hostname: "backup1",
    isRoot: false,
    stdinIsTerminal: false,
    stdoutIsTerminal: false,
    stderrIsTerminal: false,
    columns: 80,
  });
});

test("variables are read, and an empty one counts as not set", () => {
  const variables = {
    LOCKSTEP_CONFIG: "lockstep.toml",
    LOCKSTEP_STATE_DIR: "/state",
    LOCKSTEP_VAULT: "",
    LOCKSTEP_PASSPHRASE_FILE: "/run/passphrase",
    NO_COLOR: "1",
  };
  const { configPath, stateDir, vault, passphraseFile, noColor } = environmentOf({ ...host, variables });
  assert.deepEqual([configPath, stateDir, vault], ["lockstep.toml", "/state", null]);
  assert.deepEqual([passphraseFile, noColor], ["/run/passphrase", true]);
});

test("an XDG folder must be absolute, or it is ignored", () => {
  const variables = { XDG_CONFIG_HOME: "/etc/ann", XDG_STATE_HOME: "state" };
  const { configHome, stateHome } = environmentOf({ ...host, variables });
  assert.deepEqual([configHome, stateHome], ["/etc/ann", "/home/ann/.local/state"]);
});

test("root and terminals are told apart", () => {
  const terminal = { isTTY: true, columns: 132 };
  const { isRoot, stdinIsTerminal, stdoutIsTerminal, columns } = environmentOf({
    ...host,
    userId: 0,
    stdin: { isTTY: true },
    stderr: terminal,
  });
  assert.deepEqual(
    { isRoot, stdinIsTerminal, stdoutIsTerminal, columns },
    {
      isRoot: true,
      stdinIsTerminal: true,
      stdoutIsTerminal: false,
      columns: 132,
    },
  );
});
