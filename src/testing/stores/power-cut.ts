import { concat } from "#bytes/arrays.ts";
import type { FileStat, Files, FolderEntry, OpenFile, OpenMode } from "#store/files.ts";

const pageBytes = 4096;

type FileNode = { kind: "file"; id: number; links: number; modifiedMs: number; now: Uint8Array; synced: Uint8Array };
type FolderNode = {
  kind: "folder";
  id: number;
  now: Map<string, Node>;
  synced: Map<string, Node>;
  /** Names added and removed (null) since the folder was synced. */
  unsynced: { name: string; node: Node | null }[];
};
type Node = FileNode | FolderNode;

/** A process's view of the disk. It counts operations, and can die at one of them. */
export type ProcessFiles = Files & { readonly operations: number };

/**
 * A disk in memory that can lose power. Processes on it see each other's changes at once; after a cut
 * - each 4096-byte page of file data written since the file's last sync is there or not, and so is the new size;
 * - each name added to or removed from a folder since the folder's last sync is so or not, in any combination;
 * - all that was synced is as it was.
 */
export type PowerCutDisk = {
  /**
   * The disk for one more process.
   *
   * @param dieAt  number of the operation, from 0 on, at which the process dies: it has no effect, nor has any later one
   */
  process(dieAt?: number): ProcessFiles;

  /** The disk as it may be after a power cut; `keep` decides of each unsynced change whether it lasted. */
  cut(keep: () => boolean): PowerCutDisk;

  /** Moves the disk's clock, by which files are dated. */
  advance(ms: number): void;
};

/** A new disk with an empty root folder `/`. */
export function powerCutDisk(): PowerCutDisk {
  return new Disk(newFolder(1), 2, 0);
}

class Disk implements PowerCutDisk {
  readonly #root: FolderNode;
  #nextId: number;
  #nowMs: number;

  constructor(root: FolderNode, nextId: number, nowMs: number) {
    this.#root = root;
    this.#nextId = nextId;
    this.#nowMs = nowMs;
  }

  process(dieAt = Infinity): ProcessFiles {
    return new Process(this, dieAt);
  }

  cut(keep: () => boolean): PowerCutDisk {
    const survivors = new Map<Node, Node>();
    return new Disk(surviveFolder(this.#root, keep, survivors), this.#nextId, this.#nowMs);
  }

  advance(ms: number): void {
    this.#nowMs += ms;
  }

  create(path: string): FileNode {
    const { folder, name } = this.#place(path);
    if (folder.now.has(name)) throw failure("EEXIST", path);
    const none = new Uint8Array();
    const file: FileNode = {
      kind: "file",
      id: this.#nextId++,
      links: 0,
      modifiedMs: this.#nowMs,
      now: none,
      synced: none,
    };
    setName(folder, name, file);
    return file;
  }

  find(path: string): Node {
    if (path === "/") return this.#root;
    const { folder, name } = this.#place(path);
    const node = folder.now.get(name);
    if (node === undefined) throw failure("ENOENT", path);
    return node;
  }

  folder(path: string): FolderNode {
    const node = this.find(path);
    if (node.kind !== "folder") throw failure("ENOTDIR", path);
    return node;
  }

  name(path: string, node: Node): void {
    const { folder, name } = this.#place(path);
    if (folder.now.has(name)) throw failure("EEXIST", path);
    setName(folder, name, node);
  }

  unlink(path: string): void {
    const { folder, name } = this.#place(path);
    if (this.find(path).kind === "folder") throw failure("EISDIR", path);
    setName(folder, name, null);
  }

  makeFolder(path: string): void {
    this.name(path, newFolder(this.#nextId++));
  }

  write(file: FileNode, bytes: Uint8Array, offsetBytes: number): void {
    const now = new Uint8Array(Math.max(file.now.length, offsetBytes + bytes.length));
    now.set(file.now);
    now.set(bytes, offsetBytes);
    file.now = now;
    file.modifiedMs = this.#nowMs;
  }

  #place(path: string): { folder: FolderNode; name: string } {
    const slash = path.lastIndexOf("/");
    return { folder: this.folder(path.slice(0, slash) || "/"), name: path.slice(slash + 1) };
  }
}

class Process implements ProcessFiles {
  readonly #disk: Disk;
  readonly #dieAt: number;
  operations = 0;

  constructor(disk: Disk, dieAt: number) {
    this.#disk = disk;
    this.#dieAt = dieAt;
  }

  async open(path: string, mode: OpenMode): Promise<OpenFile> {
    const node = await this.step(() => (mode === "create" ? this.#disk.create(path) : this.#disk.find(path)));
    const file = node.kind === "file" ? node : null;
    const opened = (): FileNode => {
      if (file === null) throw failure("EISDIR", path);
      return file;
    };
    return {
      descriptor: null,
      read: (into, offsetBytes) =>
        this.step(() => {
          const part = opened().now.subarray(offsetBytes, offsetBytes + into.length);
          into.set(part);
          return part.length;
        }),
      write: (bytes, offsetBytes) => this.step(() => this.#disk.write(opened(), bytes, offsetBytes)),
      sync: () =>
        this.step(() => {
          opened().synced = opened().now;
        }),
      stat: () => this.step(() => statOf(node)),
      isCached: () => null,
      close: () => this.step(() => undefined),
    };
  }

  stat(path: string): Promise<FileStat> {
    return this.step(() => statOf(this.#disk.find(path)));
  }

  link(from: string, to: string): Promise<void> {
    return this.step(() => this.#disk.name(to, this.#disk.find(from)));
  }

  renameToNew(from: string, to: string): Promise<void> {
    return this.step(() => {
      this.#disk.name(to, this.#disk.find(from));
      this.#disk.unlink(from);
    });
  }

  unlink(path: string): Promise<void> {
    return this.step(() => this.#disk.unlink(path));
  }

  makeFolder(path: string): Promise<void> {
    return this.step(() => this.#disk.makeFolder(path));
  }

  readFolder(path: string): Promise<readonly FolderEntry[]> {
    return this.step(() => [...this.#disk.folder(path).now].map(([name, node]) => ({ name, kind: node.kind })));
  }

  syncFolder(path: string): Promise<void> {
    return this.step(() => {
      const folder = this.#disk.folder(path);
      folder.synced = new Map(folder.now);
      folder.unsynced = [];
    });
  }

  async step<Result>(act: () => Result): Promise<Result> {
    await Promise.resolve();
    if (this.operations++ >= this.#dieAt) throw failure("EIO", "this process died");
    return act();
  }
}

function newFolder(id: number): FolderNode {
  return { kind: "folder", id, now: new Map(), synced: new Map(), unsynced: [] };
}

function setName(folder: FolderNode, name: string, node: Node | null): void {
  const before = folder.now.get(name);
  if (before?.kind === "file") before.links--;
  if (node?.kind === "file") node.links++;
  if (node === null) folder.now.delete(name);
  else folder.now.set(name, node);
  folder.unsynced.push({ name, node });
}

function surviveFolder(folder: FolderNode, keep: () => boolean, survivors: Map<Node, Node>): FolderNode {
  const names = new Map(folder.synced);
  for (const { name, node } of folder.unsynced) {
    if (!keep()) continue;
    if (node === null) names.delete(name);
    else names.set(name, node);
  }
  const survivor = newFolder(folder.id);
  for (const [name, node] of names) setName(survivor, name, survive(node, keep, survivors));
  survivor.synced = new Map(survivor.now);
  survivor.unsynced = [];
  return survivor;
}

function survive(node: Node, keep: () => boolean, survivors: Map<Node, Node>): Node {
  const known = survivors.get(node);
  if (known !== undefined) return known;
  const survivor = node.kind === "folder" ? surviveFolder(node, keep, survivors) : surviveFile(node, keep);
  survivors.set(node, survivor);
  return survivor;
}

function surviveFile(file: FileNode, keep: () => boolean): FileNode {
  if (file.now === file.synced) return { ...file, links: 0 };
  const sizeBytes = keep() ? file.now.length : file.synced.length;
  const pages: Uint8Array[] = [];
  for (let at = 0; at < sizeBytes; at += pageBytes) {
    const page = new Uint8Array(Math.min(pageBytes, sizeBytes - at));
    page.set((keep() ? file.now : file.synced).subarray(at, at + page.length));
    pages.push(page);
  }
  const bytes = concat(...pages);
  return { ...file, links: 0, now: bytes, synced: bytes };
}

function statOf(node: Node): FileStat {
  return {
    kind: node.kind,
    sizeBytes: node.kind === "file" ? node.now.length : 0,
    links: node.kind === "file" ? node.links : 1,
    id: String(node.id),
    modifiedMs: node.kind === "file" ? node.modifiedMs : 0,
  };
}

function failure(code: string, what: string): Error {
  return Object.assign(new Error(`${code}: ${what}`), { code });
}
