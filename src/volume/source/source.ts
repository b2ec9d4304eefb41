import { isLockstepError, LockstepError } from "#errors/errors.ts";

/** Where a volume's bytes come from: a disk, a part of one, or a header that was kept apart. */
export interface VolumeSource {
  readonly sizeBytes: number;
  /** Logical sector size that the device reports, 512 or 4096; null where nothing says (an image file). */
  readonly sectorBytes: number | null;
  /**
   * @returns exactly `lengthBytes` bytes, a copy
   * @throws {LockstepError} DISK_UNREADABLE: the medium refuses · CANCELLED
   */
  read(offsetBytes: number, lengthBytes: number, signal: AbortSignal): Promise<Uint8Array>;
}

/** A run of bytes. */
export type Place = { readonly offsetBytes: number; readonly lengthBytes: number };

/** A part of a source as a source of its own; what lies behind the source's end is cut off. */
export function partOf(source: VolumeSource, { offsetBytes, lengthBytes }: Place): VolumeSource {
  const sizeBytes = Math.max(0, Math.min(lengthBytes, source.sizeBytes - offsetBytes));
  return {
    sizeBytes,
    sectorBytes: source.sectorBytes,
    read: async (at, length, signal) => {
      assertInside(at, length, sizeBytes);
      return source.read(offsetBytes + at, length, signal);
    },
  };
}

/** A source over bytes in memory; reads are copies. */
export function memorySource(bytes: Uint8Array, sectorBytes: number | null = null): VolumeSource {
  return {
    sizeBytes: bytes.length,
    sectorBytes,
    read: (offsetBytes, lengthBytes) => {
      assertInside(offsetBytes, lengthBytes, bytes.length);
      // Not `slice`: a Buffer's gives a view.
      return Promise.resolve(new Uint8Array(bytes.subarray(offsetBytes, offsetBytes + lengthBytes)));
    },
  };
}

/** Reads up to `lengthBytes`, fewer where the source ends, none where it ends before `offsetBytes`. */
export async function readUpTo(
  source: VolumeSource,
  offsetBytes: number,
  lengthBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const length = Math.max(0, Math.min(lengthBytes, source.sizeBytes - offsetBytes));
  return length === 0 ? new Uint8Array() : source.read(offsetBytes, length, signal);
}

/** As `readUpTo`; null where the medium refuses, which must not hide what can be read elsewhere. */
export async function readUpToOrNull(
  source: VolumeSource,
  offsetBytes: number,
  lengthBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array | null> {
  try {
    return await readUpTo(source, offsetBytes, lengthBytes, signal);
  } catch (error) {
    if (isLockstepError(error, "DISK_UNREADABLE")) return null;
    throw error;
  }
}

function assertInside(offsetBytes: number, lengthBytes: number, sizeBytes: number): void {
  if (offsetBytes >= 0 && lengthBytes >= 0 && offsetBytes + lengthBytes <= sizeBytes) return;
  throw new LockstepError(
    "ARGUMENT_INVALID",
    `reading ${lengthBytes} bytes at ${offsetBytes}: the source has ${sizeBytes} bytes`,
  );
}
