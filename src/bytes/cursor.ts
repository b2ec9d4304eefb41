import { LockstepError } from "#errors/errors.ts";

/**
 * Reads fields one after the other and checks every bound. A failure names the structure, the field
 * and the byte: `segment table: slot count at byte 12: needs 4 bytes, 1 left`.
 */
export class Cursor {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #what: string;
  readonly #isLittle: boolean;
  #at = 0;
  #fieldAt = 0;

  /** @param what  the structure's name, for messages; `bytes` is kept as a view */
  constructor(bytes: Uint8Array, what: string, byteOrder: "little" | "big" = "little") {
    this.#isLittle = byteOrder === "little";
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#what = what;
  }

  /** Bytes not read yet. */
  get left(): number {
    return this.#bytes.length - this.#at;
  }

  /** Position of the next field, in bytes from the start. */
  get offset(): number {
    return this.#at;
  }

  u8(field: string): number {
    return this.#view.getUint8(this.#take(1, field));
  }

  u16(field: string): number {
    return this.#view.getUint16(this.#take(2, field), this.#isLittle);
  }

  u32(field: string): number {
    return this.#view.getUint32(this.#take(4, field), this.#isLittle);
  }

  u64(field: string): bigint {
    return this.#view.getBigUint64(this.#take(8, field), this.#isLittle);
  }

  /** A u64 that must fit a number exactly. @throws {LockstepError} FIELD_CORRUPT above 2^53-1 */
  size(field: string): number {
    const value = this.u64(field);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw this.corrupt(field, `${value} is too large`);
    return Number(value);
  }

  /** `length` bytes as a view of the input. */
  bytes(length: number, field: string): Uint8Array {
    const at = this.#take(length, field);
    return this.#bytes.subarray(at, at + length);
  }

  /** `length` bytes as ASCII, zero padding at the end removed. */
  ascii(length: number, field: string): string {
    const raw = this.bytes(length, field);
    let end = raw.length;
    while (end > 0 && raw[end - 1] === 0) end--;
    let text = "";
    for (const byte of raw.subarray(0, end)) {
      if (byte < 0x20 || byte > 0x7e) throw this.corrupt(field, `byte 0x${byte.toString(16)} is not printable ASCII`);
      text += String.fromCharCode(byte);
    }
    return text;
  }

  skip(length: number, field: string): void {
    this.#take(length, field);
  }

  /** @throws {LockstepError} FIELD_CORRUPT when bytes are left over */
  end(): void {
    if (this.left !== 0) throw this.corrupt("end", `${this.left} bytes too many`);
  }

  /** The error for a field just read whose value is impossible. */
  corrupt(field: string, found: string): LockstepError {
    return new LockstepError("FIELD_CORRUPT", `${this.#what}: ${field} at byte ${this.#fieldAt}: ${found}`);
  }

  #take(length: number, field: string): number {
    this.#fieldAt = this.#at;
    if (length > this.left) throw this.corrupt(field, `needs ${length} bytes, ${this.left} left`);
    this.#at += length;
    return this.#fieldAt;
  }
}
