import { isZero } from "#bytes/arrays.ts";
import { createOutputFile } from "#ops/volumes/output-file.ts";
import type { PlainVolume } from "#volume/plaintext/plain-volume.ts";

const PIECE_BYTES = 4 * 1024 * 1024;

/** Takes the pieces of a volume, in order; a piece's memory is the taker's. */
export type PieceSink = (offsetBytes: number, bytes: Uint8Array) => Promise<void>;

/**
 * Reads all of a plaintext volume, in pieces and in order. The next piece is read and decrypted while one is being taken.
 *
 * @throws {LockstepError} DISK_UNREADABLE, CANCELLED; and what `take` throws
 */
export async function readPlaintext(plain: PlainVolume, take: PieceSink, signal: AbortSignal): Promise<void> {
  let taking = Promise.resolve();
  try {
    for (let at = 0; at < plain.sizeBytes; at += PIECE_BYTES) {
      signal.throwIfAborted();
      const bytes = await plain.read(at, Math.min(PIECE_BYTES, plain.sizeBytes - at), signal);
      await taking;
      taking = take(at, bytes);
      taking.catch(() => undefined); // it is awaited next; until then a failure is not unhandled
    }
  } finally {
    await taking;
  }
}

/**
 * Writes a plaintext volume to a new file, sparse where it is zeros. Until all of it is there and flushed, the file has a
 * name that says that it is partial.
 *
 * @param progress  told of bytes that are done
 * @throws {LockstepError} TARGET_EXISTS, TARGET_MISSING, TARGET_DENIED, TARGET_FULL, TARGET_UNWRITABLE; and as `readPlaintext`
 */
export async function decryptToFile(
  plain: PlainVolume,
  path: string,
  progress: (bytes: number) => void,
  signal: AbortSignal,
): Promise<void> {
  await using target = await createOutputFile(path, plain.sizeBytes, { resume: true }, signal);
  await readPlaintext(
    plain,
    async (offsetBytes, bytes) => {
      if (!isZero(bytes)) await target.write(offsetBytes, bytes, signal);
      else if (!target.startsZeroed || target.resumed)
        await target.zero({ offsetBytes, lengthBytes: bytes.length }, signal);
      progress(bytes.length);
    },
    signal,
  );
  await target.finish(signal);
}
