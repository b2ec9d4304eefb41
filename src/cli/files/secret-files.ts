import { readFile, readdir, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";

import type { App } from "#cli/app/app.ts";
import { readFailure } from "#cli/files/read-failure.ts";
import { LockstepError } from "#errors/errors.ts";
import { parseSecretList } from "#ops/secrets/secret-list.ts";
import type { ImportableSecret } from "#ops/secrets/secret-list.ts";

/** More than the export of a large directory. */
const LIMIT_BYTES = 256 * 1024 * 1024;

/**
 * Reads the secrets in a file; of a folder, those in its files that end in `.txt` or `.csv`, as people keep what Windows saves. Whoever gets
 * them wipes them.
 *
 * @throws {LockstepError} FILE_MISSING; FILE_DENIED; KEY_LIST_INVALID: it is too long, or holds no secrets
 */
export async function readSecretFiles(
  { host }: Pick<App, "host">,
  typed: string,
): Promise<readonly ImportableSecret[]> {
  const path = resolve(host.workingFolder, typed);
  const secrets: ImportableSecret[] = [];
  for (const { file, shown } of await filesIn(path, typed)) {
    const readBeside = (name: string): Promise<Uint8Array> => readSome(resolve(dirname(file), name), name);
    secrets.push(...(await parseSecretList(await readSome(file, shown), shown, readBeside)));
  }
  return secrets;
}

async function filesIn(path: string, shown: string): Promise<readonly { file: string; shown: string }[]> {
  if (!(await attempt(shown, () => stat(path))).isDirectory()) return [{ file: path, shown }];
  const names = (await attempt(shown, () => readdir(path))).filter((name) => /\.(txt|csv)$/i.test(name)).toSorted();
  if (names.length > 0) return names.map((name) => ({ file: join(path, name), shown: join(shown, name) }));
  throw new LockstepError("KEY_LIST_INVALID", `the folder ${shown} has no file that ends in .txt or .csv`);
}

async function readSome(path: string, shown: string): Promise<Uint8Array> {
  const { size } = await attempt(shown, () => stat(path));
  if (size <= LIMIT_BYTES) return new Uint8Array(await attempt(shown, () => readFile(path)));
  throw new LockstepError("KEY_LIST_INVALID", `reading ${shown} failed: it is longer than ${LIMIT_BYTES} bytes`);
}

async function attempt<T>(shown: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw readFailure(`reading ${shown}`, "KEY_LIST_INVALID", error);
  }
}
