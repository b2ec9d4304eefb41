import { isAligned } from "#bytes/arrays.ts";
import { throwIfCancelled } from "#errors/cancelled.ts";
import type { Pieces } from "#store/contract.ts";
import { codeOf } from "#store/files.ts";
import type { OpenFile } from "#store/files.ts";

const pageBytes = 4096;
/** About so much is written at once: a body is cut into equal parts. */
const writeBytes = 8 * 1024 * 1024;
const leastDirectBytes = 256 * 1024;
const depth = 2;

type Write = { readonly bytes: Uint8Array; readonly offsetBytes: number; readonly direct: boolean };

/** A body's bytes and where in the file they go; direct where memory, offset and length allow it and it is worth it. */
export function planWrites(body: Pieces): readonly Write[] {
  const writes: Write[] = [];
  let offsetBytes = 0;
  const add = (bytes: Uint8Array, direct: boolean): void => {
    const pages = Math.ceil(bytes.length / pageBytes);
    const partBytes = Math.ceil(pages / Math.max(1, Math.round(bytes.length / writeBytes))) * pageBytes;
    for (let at = 0; at < bytes.length; at += partBytes) {
      const part = bytes.subarray(at, at + partBytes);
      writes.push({ bytes: part, offsetBytes, direct });
      offsetBytes += part.length;
    }
  };
  for (const piece of body) {
    const whole = piece.length - (piece.length % pageBytes);
    const direct = isAligned(piece) && offsetBytes % pageBytes === 0 && whole >= leastDirectBytes;
    add(direct ? piece.subarray(0, whole) : piece, direct);
    if (direct) add(piece.subarray(whole), false);
  }
  return writes;
}

/**
 * Writes a body, `depth` writes at a time. Does not sync.
 *
 * No page of the file is written both ways: a direct write ends on a page boundary, and what follows is written
 * through the cache.
 *
 * @param openDirect  a second descriptor of the same file for direct writes; null where the file system has none
 * @returns           false when the file system refused a direct write and everything went through the cache instead
 * @throws {LockstepError} CANCELLED, and whatever the files throw
 */
export async function writeBody(
  file: OpenFile,
  openDirect: () => Promise<OpenFile | null>,
  body: Pieces,
  signal: AbortSignal,
): Promise<boolean> {
  const writes = planWrites(body);
  const direct = writes.some((write) => write.direct) ? await openDirect() : null;
  let refused = false;

  const writeOne = async ({ bytes, offsetBytes, direct: wanted }: Write): Promise<void> => {
    if (wanted && direct !== null && !refused) {
      try {
        return await direct.write(bytes, offsetBytes);
      } catch (error) {
        if (codeOf(error) !== "EINVAL") throw error;
        refused = true;
      }
    }
    await file.write(bytes, offsetBytes);
  };

  try {
    const queue = inTurn(writes);
    const lane = async (): Promise<void> => {
      for (const write of queue) {
        throwIfCancelled(signal);
        await writeOne(write);
      }
    };
    // Every lane is waited for, also after a failure: nothing may write to a file that was given up.
    const lanes = await Promise.allSettled(Array.from({ length: depth }, lane));
    for (const result of lanes) if (result.status === "rejected") throw result.reason;
  } finally {
    await direct?.close();
  }
  return !refused;
}

/** One iterator for all lanes. A lane that fails ends it, as it would not end an array's own iterator. */
function* inTurn(writes: readonly Write[]): Generator<Write> {
  yield* writes;
}
