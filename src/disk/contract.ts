/** A stretch of a disk. */
export type ByteRange = { readonly offsetBytes: number; readonly lengthBytes: number };

/** How a disk is told from another one at the same path. */
export type DiskIdentity = {
  readonly kind: "file" | "block";
  /** Of the hardware or volume manager (a WWN, serial number or device-mapper UUID); null where there is none. */
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
   * @throws {LockstepError} DISK_UNREADABLE: the medium refuses some of it
   */
  read(offsetBytes: number, into: Uint8Array, signal: AbortSignal): Promise<void>;

  /** What shows that somebody wrote to the disk since it was opened, in words; null when nothing does. */
  writtenSince(signal: AbortSignal): Promise<string | null>;
}

/** A disk, or a file that becomes one, to be written. */
export interface DiskTarget extends AsyncDisposable {
  readonly path: string;
  readonly sizeBytes: number;
  /** True when everything not written yet reads as zeros (a new file). */
  readonly startsZeroed: boolean;

  read(offsetBytes: number, into: Uint8Array, signal: AbortSignal): Promise<void>;

  /** @throws {LockstepError} TARGET_FULL: the file system has no room */
  write(offsetBytes: number, from: Uint8Array, signal: AbortSignal): Promise<void>;

  /** Makes a range read as zeros, by a hole where possible. */
  zero(range: ByteRange, signal: AbortSignal): Promise<void>;

  /** Everything written so far survives a power cut once this resolves. */
  flush(signal: AbortSignal): Promise<void>;
}
