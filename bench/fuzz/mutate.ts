import { fromUtf8, utf8 } from "#bytes/text.ts";

import type { Chance } from "./chance.ts";
import type { Image } from "./image.ts";

/** Where something was read, and so where damage is noticed. */
export type Read = { readonly offsetBytes: number; readonly lengthBytes: number };

const NUMBERS = [
  0n, 1n, 2n, 7n, 8n, 255n, 256n, 511n, 512n, 513n, 4095n, 4096n, 4097n, 65535n, 65536n, 1n << 20n, 1n << 24n,
  (1n << 31n) - 1n, 1n << 31n, (1n << 32n) - 1n, 1n << 32n, (1n << 53n) - 1n, 1n << 53n, (1n << 53n) + 1n,
  (1n << 63n) - 1n, 1n << 63n, (1n << 64n) - 512n, (1n << 64n) - 1n,
]; // prettier-ignore

/** Applies one to four changes to what was read of an image. @returns the changes, in words */
export function mutate(image: Image, reads: readonly Read[], chance: Chance): string {
  const done: string[] = [];
  for (let count = 1 + chance.below(4); count > 0; count--) done.push(mutateOnce(image, reads, chance));
  return done.join("; ");
}

function mutateOnce(image: Image, reads: readonly Read[], chance: Chance): string {
  const luks2 = isLuks2(image) && chance.below(2) === 0;
  if (luks2) return mutateJson(image, chance);
  const read = chance.pick(reads);
  // Fields are at the start of things.
  const span = chance.pick([64, 512, 4096, read.lengthBytes]);
  const at = read.offsetBytes + chance.below(Math.max(1, Math.min(span, read.lengthBytes)));
  switch (chance.below(7)) {
    case 0: {
      const byte = chance.below(256);
      image.write(at, Uint8Array.of(byte));
      return `byte ${at} = ${byte}`;
    }
    case 1: {
      const bit = chance.below(8);
      image.write(at, Uint8Array.of((image.read(at, 1)[0] ?? 0) ^ (1 << bit)));
      return `bit ${bit} of byte ${at}`;
    }
    case 2:
    case 3: {
      const bytes = chance.pick([2, 4, 8]);
      const value = BigInt.asUintN(bytes * 8, chance.pick(NUMBERS));
      const isLittle = chance.below(2) === 0;
      const field = new DataView(new ArrayBuffer(8));
      field.setBigUint64(0, isLittle ? value : value << BigInt(64 - bytes * 8), isLittle);
      const aligned = at - (at % bytes);
      image.write(aligned, new Uint8Array(field.buffer, 0, bytes));
      return `u${bytes * 8} at ${aligned} = ${value} ${isLittle ? "little" : "big"}`;
    }
    case 4: {
      const bytes = chance.bytes(1 + chance.below(64));
      image.write(at, bytes);
      return `${bytes.length} random bytes at ${at}`;
    }
    case 5: {
      const from = chance.pick(reads);
      const length = Math.min(from.lengthBytes, 1 + chance.below(512));
      image.write(at, image.read(from.offsetBytes, length));
      return `${length} bytes of ${from.offsetBytes} at ${at}`;
    }
    default: {
      image.sizeBytes = Math.max(512, chance.below(2) === 0 ? at : image.sizeBytes - (1 + chance.below(1 << 20)));
      return `cut at ${image.sizeBytes}`;
    }
  }
}

function isLuks2(image: Image): boolean {
  return Buffer.from(image.read(0, 8)).equals(Buffer.from("4c554b53babe0002", "hex"));
}

/** Changes the JSON of both LUKS2 headers in the same way. */
function mutateJson(image: Image, chance: Chance): string {
  const hdrSize = Number(new DataView(image.read(8, 8).buffer).getBigUint64(0) & 0xffffffn);
  const areaBytes = Math.min(Math.max(hdrSize, 4096), 4 << 20) - 4096;
  const area = image.read(4096, Math.min(areaBytes, Math.max(0, image.sizeBytes - 4096)));
  const end = area.indexOf(0);
  let text: string;
  try {
    text = fromUtf8(area.subarray(0, end === -1 ? area.length : end));
  } catch {
    return "nothing: the JSON is no text any more";
  }
  const [changed, did] = changeText(text, chance);
  const bytes = new Uint8Array(area.length);
  bytes.set(utf8(changed).subarray(0, area.length));
  image.write(4096, bytes);
  image.write(hdrSize + 4096, bytes);
  return did;
}

/** Members, values and marks of a JSON text. */
const TOKENS = /"(?:[^"\\]|\\.)*"|-?\d+|true|false|null|[{}[\],:]/g;

function changeText(text: string, chance: Chance): [changed: string, did: string] {
  const tokens = [...text.matchAll(TOKENS)];
  if (tokens.length === 0) return [text, "nothing: no JSON is left"];
  const token = chance.pick(tokens);
  const other = chance.pick(tokens)[0];
  const replace = (by: string): [string, string] => [
    text.slice(0, token.index) + by + text.slice(token.index + token[0].length),
    `JSON at ${token.index}: ${token[0].slice(0, 40)} = ${by.slice(0, 40)}`,
  ];
  switch (chance.below(6)) {
    case 0:
      return replace(other);
    case 1: {
      const number = String(chance.pick(NUMBERS));
      return replace(token[0].startsWith('"') ? `"${number}"` : number);
    }
    case 2:
      return replace(
        chance.pick([
          "null",
          "-1",
          "1.5",
          "1e400",
          '""',
          '"dynamic"',
          '"\\ud800"',
          "[]",
          "{}",
          '"cipher_null-ecb"',
          '"linear"',
        ]),
      );
    case 3: {
      const depth = chance.pick([10, 100, 3000]);
      return replace("[".repeat(depth) + "]".repeat(depth));
    }
    case 4: {
      const to = Math.min(text.length, token.index + 1 + chance.below(200));
      return [text.slice(0, token.index) + text.slice(to), `JSON without ${token.index} to ${to}`];
    }
    default: {
      const piece = text.slice(token.index, token.index + 1 + chance.below(400));
      const at = chance.pick(tokens).index;
      return [text.slice(0, at) + piece + text.slice(at), `JSON ${piece.slice(0, 40)} again at ${at}`];
    }
  }
}
