import { join } from "node:path";
import { performance } from "node:perf_hooks";

import type { Secret } from "#bytes/secret.ts";
import type { App, GlobalFlags, OpenVault } from "#cli/app/app.ts";
import type { Output } from "#cli/output/output.ts";
import { progress } from "#cli/output/progress.ts";
import { systemRandom } from "#crypto/derive.ts";
import { absolute } from "#main/config/config-paths.ts";
import { loadConfig } from "#main/config/config.ts";
import type { ConfigFlags } from "#main/config/config.ts";
import type { Environment } from "#main/config/environment.ts";
import { patientRetry } from "#main/wiring/retry.ts";
import { tokenPath } from "#main/wiring/tokens.ts";
import { argon2idKdf } from "#vault/keyring/passphrase-kdf.ts";

/** What the process gives. */
export type Process = {
  readonly environment: Environment;
  readonly program: string;
  readonly stdin: NodeJS.ReadStream;
  readonly signal: AbortSignal;
};

/**
 * Builds what a command works with. What was opened is closed when it is disposed of.
 *
 * @throws {LockstepError} CONFIG_INVALID, CANCELLED: as `loadConfig`
 */
export async function openApp(
  { environment, program, stdin, signal }: Process,
  output: Output,
  given: GlobalFlags & Pick<ConfigFlags, "configMayBeNew">,
): Promise<App & AsyncDisposable> {
  const config = await loadConfig(environment, given, signal);
  const { workingFolder } = environment;
  const flags = given.keyFile === undefined ? given : { ...given, keyFile: absolute(given.keyFile, workingFolder) };
  const toClose = new AsyncDisposableStack();
  const now = (): Temporal.Instant => Temporal.Now.instant();
  const ask = async (question: { readonly message: string; readonly repeat: boolean }): Promise<Secret> => {
    const { askPassphrase } = await import("#cli/prompt/prompt.ts"); // loaded only where somebody is asked
    return askPassphrase({ input: stdin, output: output.stderr }, question, signal);
  };
  const vaults = new Map<string | null, OpenVault>();
  const app: App & AsyncDisposable = {
    output,
    progress: toClose.use(await progress(output, () => performance.now())),
    signal,
    config,
    flags,
    host: { name: environment.hostname, workingFolder, stdinIsTerminal: environment.stdinIsTerminal },
    now,
    random: systemRandom,
    retry: patientRetry,
    keyringDeps: { random: systemRandom, now, kdf: argon2idKdf, retry: patientRetry },
    openStore: async (place) => {
      const { openStoreAt } = await import("#main/wiring/open-store.ts");
      return toClose.use(await openStoreAt(absolute(place, workingFolder), patientRetry, signal));
    },
    passphrase: async (question) => {
      const { value: path } = config.passphraseFile;
      if (path === null) return ask(question);
      const { readPassphraseFile } = await import("#cli/prompt/prompt-file.ts");
      return readPassphraseFile(path, (warning) => output.warn(warning), signal);
    },
    askPassphrase: (message) => ask({ message, repeat: false }),
    askNewPassphrase: (message) => ask({ message, repeat: true }),
    askLine: async (question) => {
      const { askLine } = await import("#cli/prompt/prompt-line.ts");
      return askLine({ input: stdin, output: output.stderr }, question, signal);
    },
    hostKeyPath: (id) => join(config.state.value, "vaults", `${id}.key`),
    hostTokenPath: (role) => tokenPath(config.state.value, role),
    openVault: async ({ cacheNodes = false, place = null, anyKeyring = false } = {}) => {
      const at = place === null ? config.vault.value : absolute(place, workingFolder);
      if (vaults.has(at)) throw new Error(`the vault ${at} was opened already`);
      const { openVaultAt } = await import("#main/wiring/open-vault.ts");
      const vault = await openVaultAt(app, program, { cacheNodes, place: at, anyKeyring });
      vaults.set(at, vault);
      toClose.defer(() => vault.rememberAll());
      return vault;
    },
    keySide: async (as) => {
      const { hostClient } = await import("#main/wiring/host-client.ts");
      return hostClient(as, config, environment);
    },
    refuseKeyStore: async () => {
      const { refuseExisting } = await import("#main/wiring/build-key-store.ts");
      return refuseExisting(config);
    },
    makeKeyStore: async (what) => {
      const { makeConfiguredKeyStore } = await import("#main/wiring/make-key-store.ts");
      return makeConfiguredKeyStore(app, what);
    },
    recoverKeyStore: async (what) => {
      const { recoverConfiguredKeyStore } = await import("#main/wiring/recover-key-store.ts");
      return recoverConfiguredKeyStore(app, what);
    },
    canKeepCredentials: async () => {
      const { canKeepCredentials } = await import("#main/wiring/host-credential.ts");
      return canKeepCredentials();
    },
    kitTools: async () => {
      const { kitToolsOf } = await import("#main/wiring/kit-tools.ts");
      return kitToolsOf(app);
    },
    serveKeySide: async (how) => {
      const { serveConfiguredKeySide } = await import("#main/wiring/serve-key-side.ts");
      return serveConfiguredKeySide(app, how, environment.credentialsFolder);
    },
    [Symbol.asyncDispose]: () => toClose.disposeAsync(),
  };
  return app;
}
