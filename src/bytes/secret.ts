import { inspect } from "node:util";

/**
 * Key material or a passphrase. Prints as `[secret]` however it is printed, and is zeroed by `wipe`.
 *
 * Copies that a native call makes of it are beyond our reach: a process that ends is the only certain wipe.
 */
export class Secret {
  readonly #bytes: Uint8Array;

  /** Takes `bytes` over: the caller must not keep or change them. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** The bytes themselves, as a view. Do not store it. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  wipe(): void {
    this.#bytes.fill(0);
  }

  [Symbol.dispose](): void {
    this.wipe();
  }

  toString(): string {
    return "[secret]";
  }

  toJSON(): string {
    return "[secret]";
  }

  [inspect.custom](): string {
    return "[secret]";
  }
}
