import { Buffer } from "node:buffer";

/** One array with the contents of all, in order. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Equal contents. Not for secrets: see `equalSecret`. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

const zeros = new Uint8Array(64 * 1024);

/** Every byte is zero. */
export function isZero(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at += zeros.length) {
    const part = bytes.subarray(at, at + zeros.length);
    if (Buffer.compare(part, part.length === zeros.length ? zeros : zeros.subarray(0, part.length)) !== 0) return false;
  }
  return true;
}

/**
 * Gives the memory of an array back now, not when it is collected, so that the next one gets the same memory, which is
 * still in the processor's cache. The array is empty afterwards. Leaves arrays alone that share their memory.
 */
export function free(bytes: Uint8Array): void {
  const { buffer } = bytes;
  if (buffer instanceof ArrayBuffer && buffer.byteLength === bytes.length) buffer.transfer(0);
}

/**
 * A shared, page-aligned buffer: usable for direct I/O and from worker threads.
 *
 * A growable SharedArrayBuffer is mapped by itself and so starts on a page; a plain one need not.
 */
export function alignedBuffer(sizeBytes: number): Uint8Array {
  return new Uint8Array(new SharedArrayBuffer(sizeBytes, { maxByteLength: sizeBytes }));
}

/** True for a view of an `alignedBuffer` that starts on a page boundary of it. */
export function isAligned(view: Uint8Array): boolean {
  return view.buffer instanceof SharedArrayBuffer && view.buffer.growable && view.byteOffset % 4096 === 0;
}
