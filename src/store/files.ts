/** What a path leads to. `id` tells it from everything else that exists at the same time. */
export type FileStat = {
  readonly kind: "file" | "folder" | "other";
  readonly sizeBytes: number;
  /** How many names the file has. */
  readonly links: number;
  readonly id: string;
  /** By the file system's own clock. */
  readonly modifiedMs: number;
};

export type FolderEntry = { readonly name: string; readonly kind: FileStat["kind"] };

/**
 * How a file is opened. `create` makes a new one for writing and fails with EEXIST where the name is taken. The direct
 * ways pass by the page cache (O_DIRECT of open(2)): offsets, lengths and memory are multiples of 4096 then, except
 * where a read meets the file's end.
 */
export type OpenMode = "read" | "read-direct" | "create" | "write-direct";

/**
 * The few file operations that a directory store consists of.
 *
 * Each is one step that cannot be interrupted, so none takes a signal. All reject with an error whose `code` is the
 * system's name of the failure, such as ENOENT: see `codeOf`.
 */
export interface Files {
  open(path: string, mode: OpenMode): Promise<OpenFile>;
  /** Follows symbolic links. */
  stat(path: string): Promise<FileStat>;
  /** Gives a file a second name; EEXIST where that is taken. */
  link(from: string, to: string): Promise<void>;
  /** Gives a file another name in one step; EEXIST where that is taken, EINVAL where the file system cannot. */
  renameToNew(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  makeFolder(path: string): Promise<void>;
  /** Entries in any order. */
  readFolder(path: string): Promise<readonly FolderEntry[]>;
  /** The names in a folder, as they are now, survive a power cut once this resolves. */
  syncFolder(path: string): Promise<void>;
}

export interface OpenFile {
  /** Of this process, for other threads to read from; null where there is none. */
  readonly descriptor: number | null;
  /** @returns bytes read, 0 at the end; may be fewer than asked for */
  read(into: Uint8Array, offsetBytes: number): Promise<number>;
  /** Writes all of `bytes`. */
  write(bytes: Uint8Array, offsetBytes: number): Promise<void>;
  /** The bytes and size of the file, however it was written, survive a power cut once this resolves. */
  sync(): Promise<void>;
  stat(): Promise<FileStat>;
  /** Whether a byte can be read without waiting for the medium; null where that is not known. */
  isCached(offsetBytes: number): boolean | null;
  close(): Promise<void>;
}

/** The system's name of a failed file operation; an empty string for any other error. */
export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

/** The result of a file operation; null when it failed with one of the codes. */
export async function orNull<Result>(result: Promise<Result>, ...failures: readonly string[]): Promise<Result | null> {
  try {
    return await result;
  } catch (error) {
    if (failures.includes(codeOf(error))) return null;
    throw error;
  }
}
