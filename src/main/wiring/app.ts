import { join } from "node:path";
import { performance } from "node:perf_hooks";

import type { Secret } from "#bytes/secret.ts";
import type { App, GlobalFlags } from "#cli/app.ts";
import type { Output } from "#cli/output.ts";
import { progress } from "#cli/progress.ts";
import { systemRandom } from "#crypto/derive.ts";
import { loadConfig } from "#main/config.ts";
import type { ConfigFlags } from "#main/config.ts";
import { absolute } from "#main/config-paths.ts";
import type { Environment } from "#main/environment.ts";
import type { WiredVault } from "#main/wiring/open-vault.ts";
import { patientRetry } from "#main/wiring/retry.ts";
import { argon2idKdf } from "#vault/passphrase-kdf.ts";

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
    const { askPassphrase } = await import("#cli/prompt.ts"); // loaded only where somebody is asked
    return askPassphrase({ input: stdin, output: output.stderr }, question, signal);
  };
  let vault: WiredVault | null = null;
  const app: App & AsyncDisposable = {
    output,
    progress: toClose.use(progress(output, () => performance.now())),
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
      const { readPassphraseFile } = await import("#cli/prompt-file.ts");
      return readPassphraseFile(path, (warning) => output.warn(warning), signal);
    },
    askNewPassphrase: (message) => ask({ message, repeat: true }),
    hostKeyPath: (id) => join(config.state.value, "vaults", `${id}.key`),
    openVault: async ({ cacheNodes = false } = {}) => {
      if (vault !== null) throw new Error("the vault was opened already");
      const { openConfiguredVault } = await import("#main/wiring/open-vault.ts");
      vault = await openConfiguredVault(app, program, cacheNodes);
      toClose.defer(() => vault?.rememberAll());
      return vault;
    },
    [Symbol.asyncDispose]: () => toClose.disposeAsync(),
  };
  return app;
}
