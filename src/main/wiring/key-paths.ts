import { join } from "node:path";

import type { Config } from "#cli/app/settings.ts";

/** Where the key side keeps what. */
export type KeyPaths = {
  readonly folder: string;
  readonly database: string;
  /** Locked by the process that has the database. */
  readonly lock: string;
  readonly log: string;
  readonly socket: string;
  /** Opens the store without a person. */
  readonly keyFile: string;
};

export function keyPaths({ keysFolder, keysSocket, keysKeyFile }: Config): KeyPaths {
  const folder = keysFolder.value;
  return {
    folder,
    database: join(folder, "keys.db"),
    lock: join(folder, "lock"),
    log: join(folder, "key-side.log"),
    socket: keysSocket.value,
    keyFile: keysKeyFile.value,
  };
}
