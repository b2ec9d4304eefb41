import type { App } from "#cli/app/app.ts";
import type { NewKit } from "#cli/app/kit-tools.ts";
import { confirmPages } from "#cli/kit/kit-page-files.ts";
import type { PageFile } from "#cli/kit/kit-page-files.ts";
import { checkKit } from "#cli/shown/check-kit.ts";

/**
 * The end of making a kit: its check words are typed back, its pages removed, and it is shown to open the newest copy in each place
 * and the vault. With `isUnchecked` the pages stay, and nothing says that they were printed.
 *
 * @param signingKey  Ed25519, 32 bytes
 * @returns           the pages that are left, and whether the kit was checked
 * @throws {LockstepError} what `confirmPages` and `checkKit` throw
 */
export async function finishKit(
  app: App,
  made: {
    readonly kit: NewKit;
    readonly files: readonly PageFile[];
    readonly signingKey: Uint8Array;
    readonly vaults: readonly string[];
  },
  isUnchecked: boolean,
): Promise<{ readonly pages: readonly string[]; readonly checked: boolean }> {
  const { output } = app;
  const { kit, files, signingKey, vaults } = made;
  if (isUnchecked) {
    const pages = files.map(({ path }) => path);
    output.print(
      "Print the pages of the kit, remove them, and run `lockstep kit check`:",
      ...pages.map((path) => `  ${path}`),
    );
    return { pages, checked: false };
  }
  await confirmPages(app, files);
  await checkKit(app, await app.kitTools(), kit.shares.slice(0, kit.threshold), { signingKey, vaults });
  return { pages: [], checked: true };
}
