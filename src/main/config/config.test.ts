import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { showConfig } from "#cli/app/settings.ts";
import { loadConfig } from "#main/config/config.ts";
import type { ConfigFlags } from "#main/config/config.ts";
import { environmentOf } from "#main/config/environment.ts";
import type { Environment } from "#main/config/environment.ts";

const { signal } = new AbortController();
let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "lockstep-config-"));
});
after(() => rm(folder, { recursive: true }));

function environment(variables: Record<string, string> = {}): Environment {
  return environmentOf({
    variables,
    home: folder,
    workingFolder: folder,
    hostname: "backup1",
    userId: 1000,
    stdin: {},
    stdout: {},
    stderr: {},
  });
}

async function shown(text: string, flags: ConfigFlags = {}, variables: Record<string, string> = {}) {
  await writeFile(join(folder, "lockstep.toml"), text);
  const config = await loadConfig(environment(variables), { config: "lockstep.toml", ...flags }, signal);
  return new Map(showConfig(config).map(({ key, value, from }) => [key, [value, from]]));
}

test("without a file, a flag or a variable everything has its default", async () => {
  const config = await loadConfig(environment(), {}, signal);
  assert.deepEqual(
    showConfig(config).map(({ key, value }) => [key, value]),
    [
      ["config", join(folder, ".config/lockstep/config.toml")],
      ["state", join(folder, ".local/state/lockstep")],
      ["cache", join(folder, ".local/state/lockstep/cache")],
      ["passphrase-file", null],
      ["vault", null],
      ["watch", []],
      ["backup.checkpoint-minutes", 5],
      ["backup.checkpoint-gib", 64],
      ["backup.lanes", 2],
      ["cache.nodes", "auto"],
      ["cache.limit-gib", 4],
      ["keys.folder", join(folder, ".local/state/lockstep/keys")],
      ["keys.socket", join(folder, ".local/state/lockstep/keys/socket")],
      ["keys.key-file", join(folder, ".local/state/lockstep/key-store.key")],
      ["keys.idle-minutes", 5],
      ["defaults.keep", "all"],
      ["defaults.every-hours", 24],
      ["defaults.time-zone", "UTC"],
    ],
  );
  assert.ok(showConfig(config).every(({ from }) => from === "default"));
});

test("a flag outranks the environment, and that the file", async () => {
  const text = 'vault = "in-file"';
  const variables = { LOCKSTEP_VAULT: "in-environment" };
  assert.deepEqual((await shown(text)).get("vault"), [join(folder, "in-file"), "file"]);
  assert.deepEqual((await shown(text, {}, variables)).get("vault"), [join(folder, "in-environment"), "environment"]);
  assert.deepEqual((await shown(text, { vault: "/by/flag" }, variables)).get("vault"), ["/by/flag", "flag"]);
});

test("what the file says counts, and the rest keeps its default", async () => {
  const settings = await shown(`
    watch = ["images", "/srv/disks"]
    [backup]
    lanes = 4
    [cache]
    nodes = "never"
    [defaults]
    keep = "yearly=7, daily=7"
    time-zone = "Europe/Berlin"
  `);
  assert.deepEqual(settings.get("watch"), [[join(folder, "images"), "/srv/disks"], "file"]);
  assert.deepEqual(settings.get("backup.lanes"), [4, "file"]);
  assert.deepEqual(settings.get("backup.checkpoint-gib"), [64, "default"]);
  assert.deepEqual(settings.get("cache.nodes"), ["never", "file"]);
  assert.deepEqual(settings.get("cache.limit-gib"), [4, "default"]);
  assert.deepEqual(settings.get("defaults.keep"), ["daily=7,yearly=7", "file"]);
  assert.deepEqual(settings.get("defaults.time-zone"), ["Europe/Berlin", "file"]);
  assert.deepEqual(settings.get("state"), [join(folder, "state"), "default"]);
});

test("the socket of the key side is in its folder, unless the file says otherwise", async () => {
  const moved = await shown('[keys]\nfolder = "/srv/keys"');
  assert.deepEqual(moved.get("keys.socket"), ["/srv/keys/socket", "default"]);
  const apart = await shown('[keys]\nfolder = "/srv/keys"\nsocket = "/run/keys/socket"\nkey-file = "host.key"');
  assert.deepEqual(apart.get("keys.socket"), ["/run/keys/socket", "file"]);
  assert.deepEqual(apart.get("keys.key-file"), [join(folder, "host.key"), "file"]);
});

test("a named file must be there, and any file must be readable", async () => {
  const missing = { code: "FILE_MISSING", message: /none\.toml failed: it is not there/ };
  await assert.rejects(loadConfig(environment(), { config: "none.toml" }, signal), { ...missing, hint: /by --config/ });
  const named = environment({ LOCKSTEP_CONFIG: "none.toml" });
  await assert.rejects(loadConfig(named, {}, signal), { ...missing, hint: /by LOCKSTEP_CONFIG/ });
  const isFolder = loadConfig(environment(), { config: "." }, signal);
  await assert.rejects(isFolder, { code: "CONFIG_INVALID", message: /it is a folder/ });
});

test("a named file that a command is to make need not be there", async () => {
  const config = await loadConfig(environment(), { config: "none.toml", configMayBeNew: true }, signal);
  assert.deepEqual(config.config, { value: join(folder, "none.toml"), from: "flag" });
});

test("a stop is no invalid configuration", async () => {
  const stopped = loadConfig(environment(), { config: "lockstep.toml" }, AbortSignal.abort());
  await assert.rejects(stopped, { code: "CANCELLED" });
});

test("the example in docs/configuration.md has every key of the file, and shows the defaults", async () => {
  const page = readFileSync(join(import.meta.dirname, "../../../docs/configuration.md"), "utf8");
  const example = /```toml\n(.*?)```/s.exec(page)?.[1] ?? "";
  const settings = await shown(example);
  for (const [key, [, from]] of settings) {
    const isInFile = !["config", "state", "cache", "passphrase-file"].includes(key);
    if (isInFile) assert.equal(from, "file", key);
    else assert.ok(page.includes(`| \`${key}\``), key);
  }
  const defaults = await shown("");
  const hasNoCommonDefault = ["vault", "watch", "keys.folder", "keys.socket", "keys.key-file"];
  for (const [key, [value]] of defaults) {
    if (!hasNoCommonDefault.includes(key)) assert.deepEqual(settings.get(key)?.[0], value, key);
  }
});
