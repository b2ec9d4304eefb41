/**
 * Fields of a structure by their place in it, as file systems' documents list them. The structure's size must have been
 * checked: a place outside it is a bug, not damage.
 */
export class Fields {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #isLittle: boolean;

  /** @param bytes  kept as a view */
  constructor(bytes: Uint8Array, byteOrder: "little" | "big" = "little") {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#isLittle = byteOrder === "little";
  }

  u8(at: number): number {
    return this.#view.getUint8(at);
  }

  u16(at: number): number {
    return this.#view.getUint16(at, this.#isLittle);
  }

  u32(at: number): number {
    return this.#view.getUint32(at, this.#isLittle);
  }

  u64(at: number): bigint {
    return this.#view.getBigUint64(at, this.#isLittle);
  }

  /** A view of `length` bytes. */
  part(at: number, length: number): Uint8Array {
    return this.bytes.subarray(at, at + length);
  }

  /** True when the bytes at `at` are these characters, each a byte. */
  is(at: number, characters: string): boolean {
    for (let index = 0; index < characters.length; index++) {
      if (this.bytes[at + index] !== characters.charCodeAt(index)) return false;
    }
    return true;
  }
}
