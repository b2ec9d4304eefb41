import assert from "node:assert/strict";
import { test } from "node:test";

import { absolute, configPaths } from "#main/config/config-paths.ts";
import { environmentOf } from "#main/config/environment.ts";

function paths(
  options: { userId?: number; variables?: Record<string, string>; flag?: string } = {},
): Record<"config" | "state", [string, string]> {
  const environment = environmentOf({
    variables: options.variables ?? {},
    home: "/home/ann",
    workingFolder: "/home/ann/trial",
    hostname: "backup1",
    userId: options.userId ?? 1000,
    stdin: {},
    stdout: {},
    stderr: {},
  });
  const { config, state } = configPaths(environment, { config: options.flag });
  return { config: [config.value, config.from], state: [state.value, state.from] };
}

test("root's configuration and state are the system's, others' are in their XDG folders", () => {
  assert.deepEqual(paths({ userId: 0 }), {
    config: ["/etc/lockstep/config.toml", "default"],
    state: ["/var/lib/lockstep", "default"],
  });
  assert.deepEqual(paths(), {
    config: ["/home/ann/.config/lockstep/config.toml", "default"],
    state: ["/home/ann/.local/state/lockstep", "default"],
  });
});

test("beside a configuration that was named is its state, for root too", () => {
  for (const userId of [0, 1000]) {
    assert.deepEqual(paths({ userId, flag: "lockstep.toml" }), {
      config: ["/home/ann/trial/lockstep.toml", "flag"],
      state: ["/home/ann/trial/state", "default"],
    });
  }
  assert.deepEqual(paths({ variables: { LOCKSTEP_CONFIG: "/srv/a/config.toml" } }), {
    config: ["/srv/a/config.toml", "environment"],
    state: ["/srv/a/state", "default"],
  });
});

test("the flag outranks the variable, and LOCKSTEP_STATE_DIR all other places for the state", () => {
  const variables = { LOCKSTEP_CONFIG: "/srv/a/config.toml", LOCKSTEP_STATE_DIR: "../state" };
  assert.deepEqual(paths({ variables, flag: "/srv/b/config.toml" }), {
    config: ["/srv/b/config.toml", "flag"],
    state: ["/home/ann/state", "environment"],
  });
});

test("relative paths start from the folder given, and URLs are left alone", () => {
  assert.equal(absolute("vault", "/backup"), "/backup/vault");
  assert.equal(absolute("/vault", "/backup"), "/vault");
  assert.equal(absolute("s3://bucket/vault", "/backup"), "s3://bucket/vault");
});
