import { hex } from "#bytes/text.ts";

/** 16 bytes in the order of RFC 9562 as text in lower case: `f81d4fae-7dec-11d0-a765-00a0c91e6bf6`. */
export function uuidText(bytes: Uint8Array): string {
  const digits = hex(bytes.subarray(0, 16));
  return [digits.slice(0, 8), digits.slice(8, 12), digits.slice(12, 16), digits.slice(16, 20), digits.slice(20)].join(
    "-",
  );
}

/** 16 bytes as Microsoft and UEFI store them, the first three groups little-endian (UEFI 2.10, appendix A), as text. */
export function guidText(bytes: Uint8Array): string {
  const order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
  return uuidText(Uint8Array.from(order, (at) => bytes[at] ?? 0));
}
