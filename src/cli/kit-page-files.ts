import { mkdir, unlink } from "node:fs/promises";
import { join, resolve } from "node:path";

import type { App } from "#cli/app.ts";
import { createFile } from "#cli/durable-file.ts";
import type { NewPage } from "#cli/kit-tools.ts";
import { LockstepError, messageOf } from "#errors/errors.ts";

/** A page of a kit as a file. */
export type PageFile = { readonly page: NewPage; readonly path: string };

/**
 * Writes the pages of a kit, each for this user alone. The folder is made where it is not there.
 *
 * @throws {LockstepError} ARGUMENT_INVALID: the folder cannot be made or written to, or has such a page already
 */
export async function writePages(
  { host }: App,
  folder: string,
  pages: readonly NewPage[],
): Promise<readonly PageFile[]> {
  const files = pages.map((page, at) => ({
    page,
    path: join(resolve(host.workingFolder, folder), `${at + 1}-${fileName(page.custodian)}.html`),
  }));
  for (const { page, path } of files) {
    try {
      await mkdir(resolve(host.workingFolder, folder), { recursive: true, mode: 0o700 });
      await createFile(path, page.html, 0o600);
    } catch (error) {
      throw new LockstepError("ARGUMENT_INVALID", `writing the kit's page ${path} failed: ${messageOf(error)}`, {
        hint: "Name another folder. A page that is there is of an older kit: print it or remove it.",
        cause: error,
      });
    }
  }
  return files;
}

/**
 * Has each page's check word typed back, which shows that it was printed, and removes the page then. One that is wrong is asked for
 * again.
 *
 * @throws {LockstepError} CANCELLED: the pages that are left stay; ARGUMENT_INVALID: there is no terminal
 */
export async function confirmPages({ askLine, output }: App, files: readonly PageFile[]): Promise<void> {
  for (const { page, path } of files) {
    output.print(`Print the page of ${page.custodian}: open ${path} in a browser.`);
    while (!page.isCheckWord(await askLine(`The check word on the printed page of ${page.custodian}: `))) {
      output.print("That is not its check word.");
    }
    await unlink(path);
    output.print(`Removed ${path}: the paper is all that is left of it.`);
  }
}

/** Removes pages of a kit that came to nothing. */
export async function removePages(files: readonly PageFile[]): Promise<void> {
  for (const { path } of files) await unlink(path);
}

/** Letters and digits of a name, so that it is a name of a file everywhere. */
function fileName(custodian: string): string {
  return custodian.replaceAll(/[^\p{L}\p{N}]+/gu, "-").slice(0, 60);
}
