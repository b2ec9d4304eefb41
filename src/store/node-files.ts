import { constants } from "node:fs";
import type { BigIntStats, Dirent } from "node:fs";
import { link, mkdir, open, readdir, stat, unlink } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";

import { isCached } from "#linux/libc.ts";
import { renameToNew } from "#linux/rename.ts";
import type { FileStat, Files, FolderEntry, OpenFile, OpenMode } from "#store/files.ts";

const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_DIRECT, O_DIRECTORY, O_NONBLOCK } = constants;

const flags: Readonly<Record<OpenMode, number>> = {
  read: O_RDONLY | O_NONBLOCK, // a pipe under an object's name must not hold us up
  "read-direct": O_RDONLY | O_DIRECT,
  create: O_WRONLY | O_CREAT | O_EXCL,
  "write-direct": O_WRONLY | O_DIRECT,
};

// What the umask leaves of these: objects hold ciphertext, but their names and sizes are nobody's business.
const fileMode = 0o640;
const folderMode = 0o750;

/** The files of this host. */
export const nodeFiles: Files = {
  async open(path: string, mode: OpenMode): Promise<OpenFile> {
    return new NodeFile(await open(path, flags[mode], fileMode));
  },

  async stat(path: string): Promise<FileStat> {
    return fileStat(await stat(path, { bigint: true }));
  },

  link,

  async renameToNew(from: string, to: string): Promise<void> {
    const code = renameToNew(from, to);
    if (code !== null) throw systemError(code, `renameat2 '${from}' -> '${to}'`);
    await Promise.resolve();
  },

  unlink,

  async makeFolder(path: string): Promise<void> {
    await mkdir(path, folderMode);
  },

  async readFolder(path: string): Promise<readonly FolderEntry[]> {
    const entries = await readdir(path, { withFileTypes: true });
    return entries.map((entry) => ({ name: entry.name, kind: kindOf(entry) }));
  },

  async syncFolder(path: string): Promise<void> {
    const folder = await open(path, O_RDONLY | O_DIRECTORY);
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  },
};

class NodeFile implements OpenFile {
  readonly #handle: FileHandle;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  get descriptor(): number {
    return this.#handle.fd;
  }

  async read(into: Uint8Array, offsetBytes: number): Promise<number> {
    const { bytesRead } = await this.#handle.read(into, 0, into.length, offsetBytes);
    return bytesRead;
  }

  async write(bytes: Uint8Array, offsetBytes: number): Promise<void> {
    for (let done = 0; done < bytes.length;) {
      const { bytesWritten } = await this.#handle.write(bytes, done, bytes.length - done, offsetBytes + done);
      if (bytesWritten === 0) throw systemError("EIO", "write wrote nothing");
      done += bytesWritten;
    }
  }

  async sync(): Promise<void> {
    await this.#handle.sync();
  }

  async stat(): Promise<FileStat> {
    return fileStat(await this.#handle.stat({ bigint: true }));
  }

  isCached(offsetBytes: number): boolean | null {
    return isCached(this.#handle.fd, offsetBytes);
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

function fileStat(stats: BigIntStats): FileStat {
  return {
    kind: kindOf(stats),
    sizeBytes: Number(stats.size),
    links: Number(stats.nlink),
    id: `${stats.dev}:${stats.ino}`,
    modifiedMs: Number(stats.mtimeMs),
  };
}

function kindOf(of: BigIntStats | Dirent): FileStat["kind"] {
  if (of.isFile()) return "file";
  return of.isDirectory() ? "folder" : "other";
}

function systemError(code: string, doing: string): Error {
  return Object.assign(new Error(`${code}: ${doing}`), { code });
}
