import { pbkdf2Sync } from "node:crypto";

import { concat } from "#bytes/arrays.ts";
import { base64, fromBase64, utf8 } from "#bytes/text.ts";
import type { Random } from "#crypto/derive.ts";
import { seededRandom } from "#testing/random.ts";
import { afSplit } from "#testing/volumes/af-split.ts";
import { openSectorEncrypter } from "#testing/volumes/sector-encrypter.ts";
import { parseCipher } from "#volume/cipher/cipher-name.ts";
import type { SectorCipherSpec } from "#volume/cipher/sector-cipher-spec.ts";
import { LUKS2_BINARY_BYTES, luks2Checksum } from "#volume/luks2/binary.ts";
import type { Luks2Copy } from "#volume/luks2/binary.ts";

/** JSON that can be changed before it is written. */
export type MadeJson = string | number | boolean | null | MadeJson[] | MadeObject;
export type MadeObject = { [name: string]: MadeJson };

/** A keyslot that is in use. */
export type MadeLuks2Keyslot = { readonly number: number; readonly passphrase: string; readonly digest?: number };

export const HEADER_BYTES = 0x4000;
/** Room for a keyslot of a key of 32 bytes, in 4 KiB. */
export const AREA_BYTES = 0x20000;
export const KEYSLOTS_BYTES = 3 * AREA_BYTES;
/** Where the data begin. */
export const DATA_AT = 2 * HEADER_BYTES + KEYSLOTS_BYTES;

const ITERATIONS = 3;
const CIPHER = "aes-xts-plain64";

/** What is put into one header's place. */
export type WrittenHeader = {
  readonly copy: Luks2Copy;
  /** JSON, or text or bytes that are not. */
  readonly json: MadeJson | Uint8Array;
  readonly sequence?: number | bigint;
  readonly headerBytes?: number;
  readonly offsetBytes?: number;
  readonly hash?: string;
  readonly uuid?: string;
  readonly label?: string;
  readonly version?: number;
};

/** Writes a header with a right checksum (LUKS2 On-Disk Format Specification 1.1, section 2.1), whatever else is wrong with it. */
export function writeLuks2Header(volume: Uint8Array, written: WrittenHeader): void {
  const { copy, json, sequence = 1, headerBytes = HEADER_BYTES, hash = "sha256", version = 2 } = written;
  const at = copy === "primary" ? 0 : headerBytes;
  const header = new Uint8Array(headerBytes);
  const view = new DataView(header.buffer);
  header.set(utf8(copy === "primary" ? "LUKS" : "SKUL"));
  header.set([0xba, 0xbe], 4);
  view.setUint16(6, version);
  view.setBigUint64(8, BigInt(headerBytes));
  view.setBigUint64(16, BigInt(sequence));
  header.set(utf8(written.label ?? ""), 24);
  header.set(utf8(hash), 72);
  header.set(new Uint8Array(64).fill(copy === "primary" ? 1 : 2), 104);
  header.set(utf8(written.uuid ?? "1e0f7f4f-6b6b-4b6d-9c3a-0d8f4f5f6a70"), 168);
  view.setBigUint64(256, BigInt(written.offsetBytes ?? at));
  header.set(json instanceof Uint8Array ? json : utf8(JSON.stringify(json)), LUKS2_BINARY_BYTES);
  header.set(luks2Checksum(header, hash), 448);
  volume.set(header, at);
}

/** Both headers, with the same JSON. */
export function writeLuks2Headers(
  volume: Uint8Array,
  json: MadeJson | Uint8Array,
  more: Partial<WrittenHeader> = {},
): void {
  writeLuks2Header(volume, { json, ...more, copy: "primary" });
  writeLuks2Header(volume, { json, ...more, copy: "secondary" });
}

/** A LUKS2 volume with real keyslots and data, to be changed and written by tests. */
export class Luks2Maker {
  /** Two keys: the second is for volumes that are converted. */
  readonly volumeKeys: readonly Uint8Array[];
  readonly json: MadeObject;
  readonly volume: Uint8Array;
  readonly random: Random;

  constructor(parts: Pick<Luks2Maker, "volumeKeys" | "json" | "volume" | "random">) {
    this.volumeKeys = parts.volumeKeys;
    this.json = parts.json;
    this.volume = parts.volume;
    this.random = parts.random;
  }

  static make(seed: string, keyslots: readonly MadeLuks2Keyslot[], dataBytes = 8192): Luks2Maker {
    const random = seededRandom(seed);
    const maker = new Luks2Maker({
      random,
      volumeKeys: [random(32), random(32)],
      volume: concat(new Uint8Array(DATA_AT), random(dataBytes)),
      json: {
        keyslots: {},
        tokens: {},
        segments: { "0": cryptSegment() },
        digests: {},
        config: { json_size: String(HEADER_BYTES - LUKS2_BINARY_BYTES), keyslots_size: String(KEYSLOTS_BYTES) },
      },
    });
    put(maker.json, "digests.0", maker.digest(0, { segments: ["0"] }));
    for (const keyslot of keyslots) maker.addKeyslot(keyslot);
    return maker;
  }

  /** One of its own, to be changed: making keyslots takes long. */
  copy(): Luks2Maker {
    const { volumeKeys, json, volume, random } = this;
    return new Luks2Maker({ volumeKeys, random, json: structuredClone(json), volume: volume.slice() });
  }

  /** The header's bytes are written, both copies. */
  written(more: Partial<WrittenHeader> = {}): Uint8Array {
    writeLuks2Headers(this.volume, this.json, more);
    return this.volume;
  }

  /** A digest of a volume key. */
  digest(key: number, more: MadeObject = {}): MadeObject {
    return { ...pbkdf2Digest(this.volumeKeys[key] ?? new Uint8Array(), this.random), ...more };
  }

  addKeyslot({ number, passphrase, digest = 0 }: MadeLuks2Keyslot): void {
    const salt = this.random(32);
    const offset = 2 * HEADER_BYTES + number * AREA_BYTES;
    const key = this.volumeKeys[digest] ?? new Uint8Array();
    const material = new Uint8Array(Math.ceil((key.length * 4000) / 512) * 512);
    material.set(afSplit(key, 4000, "sha256", this.random));
    using cipher = openSectorEncrypter(specOf(32), pbkdf2Sync(passphrase, salt, ITERATIONS, 32, "sha256"));
    cipher.encrypt(material, 0n);
    this.volume.set(material, offset);
    objectAt(this.json, "keyslots")[number] = {
      type: "luks2",
      key_size: key.length,
      af: { type: "luks1", stripes: 4000, hash: "sha256" },
      area: { type: "raw", offset: String(offset), size: String(AREA_BYTES), encryption: CIPHER, key_size: 32 },
      kdf: { type: "pbkdf2", hash: "sha256", iterations: ITERATIONS, salt: base64(salt) },
    };
    const link = arrayAt(this.json, `digests.${digest}.keyslots`);
    link.push(String(number));
  }

  /** Encrypts plaintext and puts it where its segment lies. */
  putData(plaintext: Uint8Array, { at = DATA_AT, ivTweak = 0n, key = 0, sectorBytes = 512 } = {}): void {
    const sectors = plaintext.slice();
    using cipher = openSectorEncrypter(specOf(32, sectorBytes), this.volumeKeys[key] ?? new Uint8Array());
    cipher.encrypt(sectors, ivTweak);
    this.volume.set(sectors, at);
  }
}

/** The segment of an ordinary volume. */
export function cryptSegment(more: MadeObject = {}): MadeObject {
  return {
    type: "crypt",
    offset: String(DATA_AT),
    size: "dynamic",
    iv_tweak: "0",
    encryption: CIPHER,
    sector_size: 512,
    ...more,
  };
}

/** The digest of any bytes, as LUKS2 has it. */
export function pbkdf2Digest(of: Uint8Array, random: Random, hash = "sha256", bytes = 32): MadeObject {
  const salt = random(32);
  const digest = new Uint8Array(pbkdf2Sync(of, salt, ITERATIONS, bytes, hash));
  return {
    type: "pbkdf2",
    keyslots: [],
    segments: [],
    hash,
    iterations: ITERATIONS,
    salt: base64(salt),
    digest: base64(digest),
  };
}

/** Puts a value at a path (`segments.0.offset`), or takes what is there away. */
export function put(json: MadeObject, path: string, value: MadeJson | undefined): void {
  const steps = path.split(".");
  const last = steps.pop() ?? "";
  const parent = steps.length === 0 ? json : objectAt(json, steps.join("."));
  if (value === undefined) delete parent[last];
  else parent[last] = value;
}

/** The object at a path. */
export function objectAt(json: MadeObject, path: string): MadeObject {
  const found = path
    .split(".")
    .reduce<MadeJson | undefined>((at, step) => (at as MadeObject | undefined)?.[step], json);
  if (typeof found !== "object" || found === null || Array.isArray(found)) throw new Error(`no object at ${path}`);
  return found;
}

/** The array at a path. */
export function arrayAt(json: MadeObject, path: string): MadeJson[] {
  const found = path
    .split(".")
    .reduce<MadeJson | undefined>((at, step) => (at as MadeObject | undefined)?.[step], json);
  if (!Array.isArray(found)) throw new Error(`no array at ${path}`);
  return found;
}

/** Bytes of base64 that this file wrote. */
export function madeBytes(text: MadeJson | undefined): Uint8Array {
  return fromBase64(typeof text === "string" ? text : "") ?? new Uint8Array();
}

function specOf(keyBytes: number, sectorBytes = 512): SectorCipherSpec {
  const spec = parseCipher(CIPHER, keyBytes, sectorBytes);
  if ("unsupported" in spec || "notEncrypted" in spec) throw new Error(`${CIPHER} is known`);
  return spec;
}
