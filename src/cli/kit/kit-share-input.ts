import { resolve } from "node:path";

import type { App } from "#cli/app/app.ts";
import type { KitTools, TypedShare } from "#cli/app/kit-tools.ts";
import type { Warning } from "#cli/output/output.ts";
import { readPassphraseFile } from "#cli/prompt/prompt-file.ts";
import { isLockstepError } from "#errors/errors.ts";

/** Shares that were typed; they are wiped when they are disposed of. */
export type TypedShares = Disposable & { readonly all: readonly TypedShare[] };

/**
 * Gets the shares of a kit: from files, else from whoever sits at the terminal, until there are enough. Does not verify that they go
 * together.
 *
 * @param files  each with one share
 * @throws {LockstepError} KIT_INVALID: a file holds no share, or a mistyped one; FILE_MISSING, FILE_DENIED, PASSPHRASE_FILE_INVALID: a file cannot be read;
 *   ARGUMENT_INVALID: no file, and no terminal; CANCELLED
 */
export async function askShares(app: App, tools: KitTools, files: readonly string[]): Promise<TypedShares> {
  const all = files.length > 0 ? await sharesIn(app, tools, files) : await typedShares(app, tools);
  return {
    all,
    [Symbol.dispose]: () => {
      for (const { part } of all) part.wipe();
    },
  };
}

async function sharesIn(app: App, tools: KitTools, files: readonly string[]): Promise<readonly TypedShare[]> {
  const shares: TypedShare[] = [];
  for (const file of files) {
    const path = resolve(app.host.workingFolder, file);
    const warn = (warning: Warning): void => app.output.warn(warning);
    using text = await readPassphraseFile(path, warn, app.signal, "the file of a share");
    shares.push(tools.parseShare(Buffer.from(text.bytes).toString()));
  }
  return shares;
}

/** One that is mistyped, there already, or of another set is asked for again. */
async function typedShares({ askLine, output }: App, tools: KitTools): Promise<readonly TypedShare[]> {
  const shares: TypedShare[] = [];
  for (let wanted = 1; shares.length < wanted;) {
    try {
      const share = tools.parseShare(await askLine(shareQuestion(shares)));
      const setId = shares[0]?.setId ?? share.setId;
      if (share.setId !== setId) {
        output.note(`That is of the set ${share.setId}, and the first was of ${setId}: they are of two kits.`);
      } else if (shares.some(({ index }) => index === share.index)) {
        output.note(`That was share ${share.index} again.`);
      } else {
        shares.push(share);
        wanted = share.threshold;
      }
    } catch (error) {
      if (!isLockstepError(error, "KIT_INVALID")) throw error;
      output.complain(error, null);
    }
  }
  return shares;
}

function shareQuestion([first, ...others]: readonly TypedShare[]): string {
  if (first === undefined) return "The share on the kit's page: ";
  return `Share ${others.length + 2} of ${first.threshold}, of the set ${first.setId}: `;
}
