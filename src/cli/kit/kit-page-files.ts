import { lstat, unlink } from "node:fs/promises";
import { join, resolve } from "node:path";

import type { App } from "#cli/app/app.ts";
import type { NewPage } from "#cli/app/kit-tools.ts";
import { createFile } from "#cli/files/durable-file.ts";
import { isSystemError } from "#cli/files/key-files.ts";
import { makeFolder } from "#cli/files/make-folder.ts";
import { LockstepError } from "#errors/errors.ts";
import { systemWords } from "#errors/system-words.ts";

/** A page of a kit as a file. */
export type PageFile = { readonly page: NewPage; readonly path: string };

/**
 * Refuses to begin what ends with pages that could not be written, since such are there.
 *
 * @throws {LockstepError} ARGUMENT_INVALID
 */
export async function refusePages(app: App, folder: string, custodians: readonly string[]): Promise<void> {
  for (const path of pagePaths(app, folder, custodians)) {
    try {
      await lstat(path);
    } catch (error) {
      if (isSystemError(error, "ENOENT")) continue;
      throw unwritable(path, systemWords(error), error);
    }
    throw unwritable(path, "there is one");
  }
}

/**
 * Writes the pages of a kit, each for this user alone; all, or none. The folder is made where it is not there.
 *
 * @throws {LockstepError} ARGUMENT_INVALID: the folder cannot be made or written to, or has such a page already
 */
export async function writePages(app: App, folder: string, pages: readonly NewPage[]): Promise<readonly PageFile[]> {
  const paths = pagePaths(
    app,
    folder,
    pages.map(({ custodian }) => custodian),
  );
  const files = pages.map((page, at) => ({ page, path: paths[at] ?? "" }));
  await makePagesFolder(resolve(app.host.workingFolder, folder));
  for (const [at, { page, path }] of files.entries()) {
    try {
      await createFile(path, page.html, 0o600);
    } catch (error) {
      await removePages(files.slice(0, at));
      throw unwritable(path, systemWords(error), error);
    }
  }
  return files;
}

async function makePagesFolder(folder: string): Promise<void> {
  try {
    await makeFolder(folder);
  } catch (error) {
    const why = systemWords(error);
    throw new LockstepError("ARGUMENT_INVALID", `making the folder ${folder} for the kit's pages failed: ${why}`, {
      hint: "Name another folder.",
      cause: error,
    });
  }
}

/**
 * Has each page's check word typed back, which shows that it was printed, and removes the page then. One that is wrong is asked for
 * again.
 *
 * @throws {LockstepError} CANCELLED: the pages that are left stay, which is warned of; ARGUMENT_INVALID: there is no terminal
 */
export async function confirmPages(app: Pick<App, "askLine" | "output">, files: readonly PageFile[]): Promise<void> {
  const left = [...files];
  try {
    for (const file of files) {
      await confirmPage(app, file);
      left.shift();
    }
  } catch (error) {
    const paths = left.map(({ path }) => path).join(", ");
    app.output.warn({
      code: "LEFT_BEHIND",
      message: `all is made and in use, but the kit was not checked; pages of it that are still there: ${paths}`,
      hint: "Print them, remove them, and run `lockstep kit check`, which asks for the shares on the paper.",
    });
    throw error;
  }
}

async function confirmPage(
  { askLine, output }: Pick<App, "askLine" | "output">,
  { page, path }: PageFile,
): Promise<void> {
  output.print(`Print the page of ${page.custodian}: open ${path} in a browser.`);
  while (!page.isCheckWord(await askLine(`The check word on the printed page of ${page.custodian}: `))) {
    output.print("That is not its check word.");
  }
  await unlink(path);
  output.print(`Removed ${path}: the paper is all that is left of it.`);
}

/** Removes pages of a kit that came to nothing. */
export async function removePages(files: readonly PageFile[]): Promise<void> {
  for (const { path } of files) await unlink(path);
}

function pagePaths({ host }: App, folder: string, custodians: readonly string[]): readonly string[] {
  return custodians.map((name, at) => join(resolve(host.workingFolder, folder), `${at + 1}-${fileName(name)}.html`));
}

function unwritable(path: string, why: string, cause?: unknown): LockstepError {
  return new LockstepError("ARGUMENT_INVALID", `writing the kit's page ${path} failed: ${why}`, {
    hint: "Name another folder. A page that is there is of an older kit: print it or remove it.",
    cause,
  });
}

/** Letters and digits of a name, so that it is a name of a file everywhere. */
function fileName(custodian: string): string {
  return custodian.replaceAll(/[^\p{L}\p{N}]+/gu, "-").slice(0, 60);
}
