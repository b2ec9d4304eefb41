/** A stretch of a disk. */
export type ByteRange = { readonly offsetBytes: number; readonly lengthBytes: number };

/** How a disk is told from another one at the same path. */
export type DiskIdentity = {
  readonly kind: "file" | "block";
  /** The id that the hardware or volume manager gives (a WWN, serial number or device-mapper UUID); null where there is none. */
  readonly stableId: string | null;
  readonly sizeBytes: number;
  /** SHA-256 (hex) over what identifies the content's layout: see `readLayoutHash`; null where nothing does. */
  readonly layoutHash: string | null;
};

/** A disk to be read. Its bytes are ciphertext to us. */
export interface DiskSource extends AsyncDisposable {
  /** As the user named it, for messages. */
  readonly path: string;
  readonly identity: DiskIdentity;
  readonly sizeBytes: number;
  /**
   * Open for buffered reading and for direct reading, for `pread` from a worker thread; null where the source is no
   * file or device of this host (`direct` also where the file system cannot).
   */
  readonly descriptors: { readonly buffered: number; readonly direct: number | null } | null;

  /** Ranges that may hold anything but zeros, in order, not touching; what is between them is a hole. */
  dataRanges(signal: AbortSignal): AsyncIterable<ByteRange>;

  /**
   * Fills `into` from `offsetBytes` on. The range must lie in the disk.
   *
   * @throws {LockstepError} DISK_UNREADABLE: the medium refuses some of it; the message says which bytes.
   *   DISK_IN_USE: the disk became shorter meanwhile
   */
  read(offsetBytes: number, into: Uint8Array, signal: AbortSignal): Promise<void>;

  /**
   * Like `read`, but what the medium refuses is filled with zeros and returned: in order, not touching, whole sectors
   * where the disk can tell.
   *
   * @throws {LockstepError} DISK_UNREADABLE: the disk as a whole does not answer. DISK_IN_USE: it became shorter
   */
  readAround(offsetBytes: number, into: Uint8Array, signal: AbortSignal): Promise<readonly ByteRange[]>;

  /** What shows that somebody wrote to the disk since it was opened, in words; null when nothing does. */
  writtenSince(signal: AbortSignal): Promise<string | null>;
}

/**
 * A disk, or a file that becomes one, to be written.
 *
 * Ranges of calls that run at the same time must not overlap, nor share a block of 4096 bytes.
 */
export interface DiskTarget extends AsyncDisposable {
  /** As the user named it, for messages. */
  readonly path: string;
  readonly kind: "file" | "block";
  readonly sizeBytes: number;
  /** True when everything not written yet reads as zeros (a new file). */
  readonly startsZeroed: boolean;
  /** As those of a source, but open for writing too. What is written through them must be flushed by `flush`. */
  readonly descriptors: DiskSource["descriptors"];

  /** @throws {LockstepError} TARGET_UNWRITABLE: the medium refuses to read */
  read(offsetBytes: number, into: Uint8Array, signal: AbortSignal): Promise<void>;

  /**
   * Writes all of `from`, which must lie in the disk. Fastest from an aligned view of 4 to 8 MiB at a multiple of 4096,
   * several calls at once. `from` must not change before this resolves.
   *
   * @throws {LockstepError} TARGET_FULL: the file system has no room. TARGET_UNWRITABLE: the medium refuses
   */
  write(offsetBytes: number, from: Uint8Array, signal: AbortSignal): Promise<void>;

  /** Makes a range read as zeros, by a hole where possible. Throws as `write`. */
  zero(range: ByteRange, signal: AbortSignal): Promise<void>;

  /** Cuts a file off, or lengthens it by zeros. @throws {LockstepError} TARGET_TOO_SMALL: not a file */
  resize(sizeBytes: number, signal: AbortSignal): Promise<void>;

  /**
   * Everything written so far survives a power cut once this resolves. Once it has failed it fails for good: the kernel
   * reports a write that was lost only once.
   */
  flush(signal: AbortSignal): Promise<void>;

  /**
   * Flushes, and gives a new file its name. Until then, and for ever if the process ends before, the name is free and
   * what was written lies beside it under a name that says that it is partial.
   *
   * @throws {LockstepError} TARGET_EXISTS: something has got the name meanwhile; the partial file is kept
   */
  finish(signal: AbortSignal): Promise<void>;
}
