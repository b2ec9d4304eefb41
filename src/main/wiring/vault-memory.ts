import { readFile, readdir, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";

import { z } from "zod";

import { replaceFile } from "#cli/files/durable-file.ts";
import { isSystemError } from "#cli/files/key-files.ts";
import { makeFolder } from "#cli/files/make-folder.ts";
import type { KnownMachine, KnownMachines } from "#ops/machines/machines.ts";
import type { KeyringRef } from "#vault/entry/entry-fields.ts";
import type { MachineId, VaultId } from "#vault/object/ids.ts";

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const machine = z.strictObject({ name: z.string(), head: z.strictObject({ seq: z.int().positive(), hash }) });
const keyring = z.strictObject({ generation: z.int().positive(), hash });

/**
 * What this host has seen of one vault: the newest entry of each log and the newest keyring, so that it notices when an
 * older copy of the vault is put in its place.
 *
 * One small file for each, so that commands that run at the same time do not undo each other. Losing them loses nothing
 * but that notice. A file that cannot be understood counts as lost.
 */
export class VaultMemory implements KnownMachines {
  readonly #folder: string;

  constructor(stateFolder: string, vault: VaultId) {
    this.#folder = join(stateFolder, "vaults", vault);
  }

  /** All machines of which something is remembered. */
  async ids(): Promise<readonly MachineId[]> {
    try {
      const names = await readdir(join(this.#folder, "machines"));
      return names.flatMap((name) => (/^[0-9a-f]{32}\.json$/.test(name) ? [name.slice(0, 32) as MachineId] : []));
    } catch (error) {
      if (isSystemError(error, "ENOENT")) return [];
      throw error;
    }
  }

  machine(id: MachineId): Promise<KnownMachine | null> {
    return readParsed(this.#machinePath(id), machine);
  }

  keyring(): Promise<KeyringRef | null> {
    return readParsed(this.#keyringPath, keyring);
  }

  /** @param replace  also by an older entry: a person said which copy is the right one. @throws a system error */
  async rememberMachine(id: MachineId, seen: KnownMachine, replace: boolean): Promise<void> {
    const known = await this.machine(id);
    if (known !== null && (replace ? known.head.hash === seen.head.hash : known.head.seq >= seen.head.seq)) return;
    await save(this.#machinePath(id), seen);
  }

  /** A person said that the machine need not be there. @throws a system error */
  async forgetMachine(id: MachineId): Promise<void> {
    try {
      await unlink(this.#machinePath(id));
    } catch (error) {
      if (!isSystemError(error, "ENOENT")) throw error;
    }
  }

  /** @param replace  also by an older one: a person said which copy is the right one. @throws a system error */
  async rememberKeyring({ generation, hash: sha256 }: KeyringRef, replace: boolean): Promise<void> {
    const known = await this.keyring();
    if (known !== null && (replace ? known.hash === sha256 : known.generation >= generation)) return;
    await save(this.#keyringPath, { generation, hash: sha256 });
  }

  #machinePath(id: MachineId): string {
    return join(this.#folder, "machines", `${id}.json`);
  }

  get #keyringPath(): string {
    return join(this.#folder, "keyring.json");
  }
}

async function readParsed<Value>(path: string, schema: z.ZodType<Value>): Promise<Value | null> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return null;
    throw error;
  }
  try {
    return schema.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}

async function save(path: string, value: KnownMachine | KeyringRef): Promise<void> {
  await makeFolder(dirname(path));
  await replaceFile(path, `${JSON.stringify(value)}\n`, 0o600);
}
