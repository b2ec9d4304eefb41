import { setImmediate } from "node:timers/promises";

import { LockstepError } from "#errors/errors.ts";
import type { VolumePiece } from "#volume/source/pieces-source.ts";
import type { Place, VolumeSource } from "#volume/source/source.ts";

/** Questions begin and end at multiples of this, or at the volume's end: whole sectors, whatever their size. */
const GRAIN_BYTES = 4096;
/** The most that is asked for in all, and in how many rounds. */
const BYTES_LIMIT = 16 * 1024 * 1024;
const ROUNDS_LIMIT = 64;

type Waiting = {
  readonly place: Place;
  readonly resolve: (bytes: Uint8Array) => void;
  readonly reject: (error: Error) => void;
};

/**
 * A source whose bytes somebody else has: reads wait until they are shown. Reads that begin together are asked for together.
 *
 * `read` throws DISK_UNREADABLE: he cannot read it either · RATE_LIMITED: more is read than is asked for · ARGUMENT_INVALID:
 * outside the volume · and what `end` was given.
 */
export class AskedSource implements VolumeSource {
  readonly sizeBytes: number;
  readonly sectorBytes: number | null;
  #waiting: Waiting[] = [];
  #asked: readonly Place[] = [];
  #shown: readonly VolumePiece[] = [];
  #ended: Error | null = null;
  #bytesLeft = BYTES_LIMIT;
  #roundsLeft = ROUNDS_LIMIT;
  #wake = Promise.withResolvers<void>();

  constructor({ sizeBytes, sectorBytes }: Pick<VolumeSource, "sizeBytes" | "sectorBytes">) {
    this.sizeBytes = sizeBytes;
    this.sectorBytes = sectorBytes;
  }

  async read(offsetBytes: number, lengthBytes: number): Promise<Uint8Array> {
    if (offsetBytes < 0 || lengthBytes < 0 || offsetBytes + lengthBytes > this.sizeBytes) {
      const found = `reading ${lengthBytes} bytes at ${offsetBytes}: the volume has ${this.sizeBytes} bytes`;
      throw new LockstepError("ARGUMENT_INVALID", found);
    }
    if (this.#ended !== null) throw this.#ended;
    const place = { offsetBytes, lengthBytes };
    const known = this.#shown.find((piece) => isWithin(place, placeOf(piece)));
    if (known !== undefined) return bytesAt(known, place);
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
    this.#waiting.push({ place, resolve, reject });
    this.#wake.resolve();
    return promise;
  }

  /**
   * What to show next, ascending.
   *
   * @param work  what reads
   * @returns     none: it is over
   */
  async questions(work: Promise<unknown>): Promise<readonly Place[]> {
    for (;;) {
      await Promise.race([work, this.#wake.promise]);
      if (this.#waiting.length === 0) return [];
      await setImmediate(); // what else begins together with it
      this.#wake = Promise.withResolvers();
      this.#asked = merged(this.#waiting.map(({ place }) => this.#widened(place)));
      const bytes = this.#asked.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
      if (bytes <= this.#bytesLeft && this.#roundsLeft > 0) {
        this.#bytesLeft -= bytes;
        this.#roundsLeft--;
        return this.#asked;
      }
      this.#fail(new LockstepError("RATE_LIMITED", "looking inside a volume: more is read than is asked for"));
    }
  }

  /**
   * Gives the bytes that were asked for.
   *
   * @param pieces  parallel to the questions; null: they cannot be read. Kept as views
   * @throws {LockstepError} ARGUMENT_INVALID: other ones than were asked for
   */
  show(pieces: readonly (Uint8Array | null)[]): void {
    const asked = this.#asked;
    const isAnswer = pieces.length === asked.length && asked.every((place, at) => fits(place, pieces[at]));
    if (!isAnswer || asked.length === 0) {
      const found = `${asked.length} pieces were asked for, and these are others`;
      throw new LockstepError("ARGUMENT_INVALID", `showing bytes of a volume: ${found}`);
    }
    this.#asked = [];
    const shown = asked.flatMap(({ offsetBytes }, at) => {
      const bytes = pieces[at] ?? null;
      return bytes === null ? [] : [{ offsetBytes, bytes }];
    });
    this.#shown = [...this.#shown, ...shown];
    const answered = this.#waiting.filter(({ place }) => asked.some((whole) => isWithin(place, whole)));
    this.#waiting = this.#waiting.filter((each) => !answered.includes(each));
    if (this.#waiting.length > 0) this.#wake.resolve();
    for (const { place, resolve, reject } of answered) {
      const known = shown.find((piece) => isWithin(place, placeOf(piece)));
      if (known !== undefined) resolve(bytesAt(known, place));
      else
        reject(
          new LockstepError("DISK_UNREADABLE", `${place.lengthBytes} bytes at ${place.offsetBytes} cannot be read`),
        );
    }
  }

  /** Fails what waits, and all reads from now on. */
  end(error: Error): void {
    this.#ended = error;
    this.#fail(error);
  }

  #fail(error: Error): void {
    this.#asked = [];
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { reject } of waiting) reject(error);
  }

  #widened({ offsetBytes, lengthBytes }: Place): Place {
    const from = offsetBytes - (offsetBytes % GRAIN_BYTES);
    const to = Math.ceil((offsetBytes + lengthBytes) / GRAIN_BYTES) * GRAIN_BYTES;
    return { offsetBytes: from, lengthBytes: Math.min(to, this.sizeBytes) - from };
  }
}

/** Ascending, and those that overlap or touch one another as one. */
function merged(places: readonly Place[]): readonly Place[] {
  const all: Place[] = [];
  for (const place of places.toSorted((a, b) => a.offsetBytes - b.offsetBytes)) {
    const last = all.at(-1);
    if (last === undefined || endOf(last) < place.offsetBytes) all.push(place);
    else if (endOf(place) > endOf(last)) {
      const { offsetBytes } = last;
      all[all.length - 1] = { offsetBytes, lengthBytes: endOf(place) - offsetBytes };
    }
  }
  return all;
}

function endOf({ offsetBytes, lengthBytes }: Place): number {
  return offsetBytes + lengthBytes;
}

function placeOf({ offsetBytes, bytes }: VolumePiece): Place {
  return { offsetBytes, lengthBytes: bytes.length };
}

function isWithin(inner: Place, outer: Place): boolean {
  return inner.offsetBytes >= outer.offsetBytes && endOf(inner) <= endOf(outer);
}

function fits({ lengthBytes }: Place, piece: Uint8Array | null | undefined): boolean {
  return piece === null || piece?.length === lengthBytes;
}

/** A copy. */
function bytesAt({ offsetBytes, bytes }: VolumePiece, place: Place): Uint8Array {
  const from = place.offsetBytes - offsetBytes;
  return new Uint8Array(bytes.subarray(from, from + place.lengthBytes));
}
