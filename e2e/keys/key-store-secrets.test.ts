import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import type { TestContext } from "node:test";

import { Secret } from "#bytes/secret.ts";
import { utf8 } from "#bytes/text.ts";
import type { App } from "#cli/app/app.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { runProgram } from "#cli/program/program.ts";
import { LockstepError } from "#errors/errors.ts";
import { KeyHost } from "./key-host.ts";
import { readKit } from "./kit-rig.ts";

/** Runs a command in which somebody types the passphrase of the key store. @returns how it ended, and what was typed */
async function typing(
  host: KeyHost,
  words: string | readonly string[],
  change: (app: App) => Partial<App>,
): Promise<[number, Secret]> {
  const typed = new Secret(utf8("correct horse battery staple"));
  const status = await host.with((app) =>
    runProgram(typeof words === "string" ? words.split(" ") : words, {
      version: "test",
      stdout: new PassThrough().resume(),
      stderr: new PassThrough().resume(),
      openApp: () => {
        const asked = { askNewPassphrase: () => Promise.resolve(typed) };
        return Promise.resolve({ ...app, ...asked, ...change(app), [Symbol.asyncDispose]: () => Promise.resolve() });
      },
    }),
  );
  return [status, typed];
}

/** An app that can make no kit, as where its memory cannot be kept from others. */
function withoutKits({ kitTools }: App): Partial<App> {
  const failure = new LockstepError("SYSTEM_CALL_FAILED", "keeping this process' memory from others failed");
  return { kitTools: async () => ({ ...(await kitTools()), make: () => Promise.reject(failure) }) };
}

async function hostWithVault(t: TestContext, ...options: readonly string[]): Promise<KeyHost> {
  const host = new KeyHost(t, { idleMinutes: 1 });
  const { status, stderr } = await host.run("init", "vault", "--key-file", "key", ...options);
  assert.equal(status, exitCodes.done, stderr);
  const config = host.path("config.toml");
  writeFileSync(config, `vault = "${host.path("vault")}"\n${readFileSync(config, "utf8")}`);
  return host;
}

const byPassphrase = "--key-store-opens passphrase --no-kit-check";

function assertWiped({ bytes }: Secret): void {
  assert.deepEqual(bytes, new Uint8Array(bytes.length));
}

test("what was typed to open the key store of a vault is wiped, whether it is made or not", async (t) => {
  const host = await hostWithVault(t, "--no-key-store");
  for (const [change, ends] of [
    [withoutKits, exitCodes.unavailable],
    [(): Partial<App> => ({}), exitCodes.done],
  ] as const) {
    const [status, typed] = await typing(host, `keystore init ${byPassphrase}`, change);
    assert.equal(status, ends);
    assertWiped(typed);
  }
});

test("what was typed to open the key store of a new vault is wiped, whether it is made or not", async (t) => {
  const host = new KeyHost(t, { idleMinutes: 1 });
  const flags = { keyFile: host.path("key") };
  for (const [change, ends] of [
    [withoutKits, exitCodes.unavailable],
    [(): Partial<App> => ({}), exitCodes.done],
  ] as const) {
    const init = `init ${host.path(`vault-${ends}`)} --no-host-key ${byPassphrase} --kit-to ${host.path("kit")}`;
    const [status, typed] = await typing(host, init, (app) => ({ ...change(app), flags }));
    assert.equal(status, ends);
    assertWiped(typed);
  }
});

test("what was typed to open a recovered key store is wiped, whether it is recovered or not", async (t) => {
  const host = await hostWithVault(t, "--no-kit-check", "--no-host-key");
  rmSync(host.path("state"), { recursive: true });
  const { shares, signingKey } = readKit(host.path("lockstep-kit"));
  writeFileSync(host.path("share"), `${shares[0]}\n`, { mode: 0o600 });
  const given = ["--share-file", host.path("share"), "--signing-key", signingKey];
  const recover = ["recover", ...given, "--no-host-key", "--key-store-opens", "passphrase"];
  const failure = new LockstepError("STORE_UNAVAILABLE", "no answer");
  for (const [change, ends] of [
    [(): Partial<App> => ({ recoverKeyStore: () => Promise.reject(failure) }), exitCodes.unavailable],
    [(): Partial<App> => ({}), exitCodes.done],
  ] as const) {
    const [ended, typed] = await typing(host, recover, change);
    assert.equal(ended, ends);
    assertWiped(typed);
  }
});
