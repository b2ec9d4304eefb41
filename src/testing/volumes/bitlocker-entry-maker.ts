import { createCipheriv } from "node:crypto";
import { Buffer } from "node:buffer";

import { concat } from "#bytes/arrays.ts";
import { Secret } from "#bytes/secret.ts";
import { fromHex } from "#bytes/text.ts";
import { sha256 } from "#crypto/derive.ts";
import { seededRandom } from "#testing/random.ts";
import type { KeyDeriver } from "#volume/header/kdf.ts";

/** A protector to be made. */
export type MadeProtector = {
  readonly guid: string;
  readonly label?: string;
} & (
  | { readonly kind: "password"; readonly password: string }
  /** The digits of each group, divided by 11. */
  | { readonly kind: "recovery-password"; readonly shorts: readonly number[] }
  | { readonly kind: "startup-key"; readonly key: Uint8Array }
  | { readonly kind: "clear-key"; readonly key: Uint8Array }
  | { readonly kind: "raw"; readonly protection: number; readonly properties: Uint8Array }
);

/** Bytes that are the same for the same seed and look random. */
export function bytesFrom(seed: string, length: number): Uint8Array {
  return seededRandom(seed)(length);
}

export function u16(value: number): Uint8Array {
  return Uint8Array.of(value & 0xff, value >> 8);
}

export function u32(value: number): Uint8Array {
  return concat(u16(value & 0xffff), u16(value >>> 16));
}

export function u64(value: bigint | number): Uint8Array {
  const big = BigInt(value);
  return concat(u32(Number(big & 0xffff_ffffn)), u32(Number(big >> 32n)));
}

/** A GUID as Windows stores it. */
export function guidBytes(text: string): Uint8Array {
  const plain = fromHex(text.replaceAll("-", "")) ?? new Uint8Array(16);
  return Uint8Array.from([3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15], (at) => plain[at] ?? 0);
}

export function utf16(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "utf16le"));
}

/** An entry of the metadata. */
export function entry(type: number, value: number, ...data: readonly Uint8Array[]): Uint8Array {
  const inside = concat(...data);
  return concat(u16(8 + inside.length), u16(type), u16(value), u16(1), inside);
}

/** An entry that seals a key with AES-256-CCM. */
export function sealedEntry(
  type: number,
  sealing: Uint8Array,
  method: number,
  key: Uint8Array,
  nonce: number,
): Uint8Array {
  return sealedBytesEntry(type, sealing, entry(0, 1, u32(method), key), nonce);
}

function sealedBytesEntry(type: number, sealing: Uint8Array, plain: Uint8Array, nonce: number): Uint8Array {
  const nonceBytes = concat(u64(0x01d5_3231_4085_930cn), u32(nonce));
  const cipher = createCipheriv("aes-256-ccm", sealing, nonceBytes, { authTagLength: 16 });
  const ciphertext = cipher.update(plain);
  cipher.final();
  return entry(type, 5, nonceBytes, cipher.getAuthTag(), ciphertext);
}

/** As few rounds as this take no time. */
const CHEAP_ROUNDS = 3;

/** Stretches with few rounds, whatever is asked for: for volumes that were made here. */
export const cheapKdf: KeyDeriver = {
  derive: (request, secret) => {
    if (request.kind !== "bitlocker" || request.rounds !== 0x100000) throw new Error(`no BitLocker: ${request.kind}`);
    return Promise.resolve(new Secret(stretch(secret.bytes, request.salt)));
  },
};

function stretch(hash: Uint8Array, salt: Uint8Array): Uint8Array {
  let last = new Uint8Array(32);
  for (let round = 0; round < CHEAP_ROUNDS; round++) last = Uint8Array.from(sha256(last, hash, salt, u64(round)));
  return last;
}

/** The entry of a protector of the master key. @param nonce  the first of three that it may use */
export function protectorEntry(made: MadeProtector, vmk: Uint8Array, nonce: number): Uint8Array {
  const label = made.label === undefined ? [] : [entry(0, 2, utf16(`${made.label}\0`))];
  return entry(
    2,
    8,
    guidBytes(made.guid),
    u64(0x01d5_3231_4085_930cn),
    u16(0),
    ...protectorBody(made, vmk, nonce, label),
  );
}

function protectorBody(
  made: MadeProtector,
  vmk: Uint8Array,
  nonce: number,
  label: readonly Uint8Array[],
): readonly Uint8Array[] {
  const salt = bytesFrom(`salt ${made.guid}`, 16);
  const stretched = (method: number, hash: Uint8Array): readonly Uint8Array[] => {
    const key = stretch(hash, salt);
    const inner = sealedEntry(0, vmk, 0x2003, key, nonce + 1);
    return [entry(0, 3, u32(method), salt, inner), sealedEntry(0, key, 0x2003, vmk, nonce)];
  };
  switch (made.kind) {
    case "password":
      return [u16(0x2000), ...label, ...stretched(0x1001, sha256(sha256(utf16(made.password))))];
    case "recovery-password": {
      const times = entry(0, 0x15, u64(1), u64(2), u32(0x20008));
      return [u16(0x0800), ...label, ...stretched(0x1000, sha256(concat(...made.shorts.map(u16)))), times];
    }
    case "startup-key": {
      const used = entry(0, 4, u32(0x2002), sealedEntry(0, vmk, 0x2002, made.key, nonce + 1));
      return [u16(0x0200), ...label, used, sealedEntry(0, made.key, 0x2003, vmk, nonce)];
    }
    case "clear-key":
      return [u16(0), ...label, entry(0, 1, u32(0x2000), made.key), sealedEntry(0, made.key, 0x2003, vmk, nonce)];
    case "raw":
      return [u16(made.protection), ...label, made.properties];
    default:
      return made satisfies never;
  }
}

/** A .BEK file. @param more  entries behind that of the key, as Windows 11 has */
export function bekFile(guid: string, key: Uint8Array, more: Uint8Array = new Uint8Array()): Uint8Array {
  const external = entry(
    6,
    9,
    guidBytes(guid),
    u64(1),
    entry(0, 2, utf16("ExternalKey\0")),
    entry(0, 1, u32(0x2002), key),
  );
  const sizeBytes = 48 + external.length + more.length;
  const head = [u32(sizeBytes), u32(1), u32(48), u32(sizeBytes), guidBytes(guid), u32(1), u32(0), u64(1)];
  return concat(...head, external, more);
}

/** Eight groups of six digits. */
export function recoveryText(shorts: readonly number[], separator = "-"): string {
  return shorts.map((short) => String(11 * short).padStart(6, "0")).join(separator);
}
