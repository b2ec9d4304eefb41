import { readSync } from "node:fs";

import { alignedBuffer } from "#bytes/arrays.ts";
import { adviseHugePages, isCached } from "#linux/libc.ts";

const BUFFERED_PIECE_BYTES = 1024 * 1024;
const DIRECT_PIECE_BYTES = 4 * 1024 * 1024;
const PAGE = 4096;
const PROBES = 4;

/**
 * Reads stretches of a disk for a lane, blocking: in small pieces through the page cache where that holds them already
 * (they then stay in the processor's cache, too), else in large ones around it.
 */
export class LaneReader {
  readonly #buffer = alignedBuffer(DIRECT_PIECE_BYTES);

  constructor() {
    adviseHugePages(this.#buffer);
  }

  /** Pieces of a range in order; each is a view that the next one overwrites. Throws what `fs.readSync` throws. */
  *pieces(
    descriptors: { readonly buffered: number; readonly direct: number | null },
    offsetBytes: number,
    lengthBytes: number,
  ): Generator<Uint8Array> {
    const direct = descriptors.direct !== null && !isWarm(descriptors.buffered, offsetBytes, lengthBytes);
    const pieceBytes = direct ? DIRECT_PIECE_BYTES : BUFFERED_PIECE_BYTES;
    for (let done = 0; done < lengthBytes; done += pieceBytes) {
      const wanted = Math.min(pieceBytes, lengthBytes - done);
      if (direct && descriptors.direct !== null) this.#read(descriptors.direct, offsetBytes + done, wanted, PAGE);
      else this.#read(descriptors.buffered, offsetBytes + done, wanted, 1);
      yield this.#buffer.subarray(0, wanted);
    }
  }

  #read(fd: number, offsetBytes: number, wanted: number, unit: number): void {
    for (let got = 0; got < wanted;) {
      const ask = Math.ceil((wanted - got) / unit) * unit; // direct reads past the end give what is there
      const count = readSync(fd, this.#buffer, got, ask, offsetBytes + got);
      if (count === 0) throw new Error(`the disk ends at byte ${offsetBytes + got}`);
      got += count;
      if (got < wanted && got % unit !== 0) got -= got % unit;
    }
  }
}

/** Whether most of a range is in the page cache, by a few samples. */
function isWarm(fd: number, offsetBytes: number, lengthBytes: number): boolean {
  let warm = 0;
  for (let i = 0; i < PROBES; i++) {
    const cached = isCached(fd, offsetBytes + Math.floor(((i + 0.5) * lengthBytes) / PROBES));
    if (cached === null) return true; // unknown: buffered reads are never wrong
    if (cached) warm++;
  }
  return warm * 2 > PROBES;
}
