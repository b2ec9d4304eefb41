import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { concat } from "#bytes/arrays.ts";
import { fromBase64, fromUtf8, utf8 } from "#bytes/text.ts";
import type { KeyClient } from "#client/key-client.ts";
import type { Random } from "#crypto/derive.ts";
import type { ValueKind } from "#keys/store/model.ts";
import { beginRollover, runRollover } from "#ops/rollover/rollover.ts";
import { presentedOf } from "#testing/keys/presented-volume.ts";
import type { MadeProtector } from "#testing/volumes/bitlocker-entry-maker.ts";
import { makeBitlocker } from "#testing/volumes/bitlocker-maker.ts";
import { memorySource } from "#volume/source/source.ts";
import { readVolumeHeader } from "#volume/volume-header.ts";

import { run } from "./rollover-rig.ts";

const { signal } = new AbortController();

/** A guest's disk, encrypted inside, and what its owner does with it. */
export interface Guest {
  readonly kind: ValueKind;
  /** What opens it at first. */
  readonly firstValue: Uint8Array;
  readonly sizeBytes: number;
  /** Where, behind its magic and version, its header has what nothing opens without. */
  readonly vitals: readonly number[];
  /** The disk as it is now; a copy. */
  image(): Uint8Array;
  /** Its guest writes something. */
  write(): void;
  /** Rolls its key over, or goes on with that; it may be killed anywhere. @param client  asks as a custodian */
  rollOver(client: KeyClient, binding: string): Promise<void>;
}

/** Bytes of ciphertext: few, since it is what a day changes that counts. A guest writes to the second half of them. */
const DATA_BYTES = 32 * 1024;

/** Keys of 128 bits have small keyslots, of 64,000 bytes, and a header that is small too. */
const small = ["--cipher", "aes-cbc-essiv:sha256", "--key-size", "128", "--pbkdf-force-iterations", "1000"];

/** How cryptsetup makes small volumes of each type, and where their keyslots and data begin. */
const luks = {
  luks2: {
    words: ["--pbkdf", "pbkdf2", "--luks2-metadata-size", "16k", "--luks2-keyslots-size", "128k", "--offset", "320"],
    headerBytes: 320 * 512,
    vitals: [0, 1].map((slot) => 32 * 1024 + slot * 64 * 1024 + 100),
  },
  luks1: {
    words: ["--align-payload", "1"],
    headerBytes: 1032 * 512,
    vitals: [0, 1, 2, 3, 4, 5, 6, 7].map((slot) => 4096 + slot * 64 * 1024 + 100),
  },
} as const;

/** A disk in a file, which is a volume that cryptsetup made; cryptsetup rolls it over as the product has it do. */
export function luksGuest(type: keyof typeof luks, folder: string, random: Random): Guest {
  const { words, headerBytes, vitals } = luks[type];
  mkdirSync(folder, { recursive: true });
  const path = join(folder, "disk.raw");
  const passphrase = Buffer.from(random(16)).toString("hex");
  const sizeBytes = headerBytes + DATA_BYTES;
  writeFileSync(path, concat(new Uint8Array(headerBytes), random(DATA_BYTES)));
  run("cryptsetup", ["luksFormat", "-q", "--type", type, ...small, ...words, "--key-file", "-", path], passphrase);
  const image = (): Uint8Array => new Uint8Array(readFileSync(path));
  return {
    kind: "passphrase",
    firstValue: utf8(passphrase),
    sizeBytes,
    vitals,
    image,
    write: () => {
      const written = image();
      written.set(random(512), sizeBytes - 512 * (1 + ((random(1)[0] ?? 0) % (DATA_BYTES / 1024))));
      writeFileSync(path, written);
    },
    rollOver: async (client, binding) => {
      const { facts } = await readVolumeHeader(memorySource(image()), path, signal);
      const volume = { path, volume: null, identity: facts.identity };
      const deps = { client, backupFolder: join(folder, "rollovers") };
      const { id } = await beginRollover(deps, volume, { binding, executor: "cryptsetup" }, signal);
      await runRollover(deps, volume, { rollover: id, aim: "forward" }, () => undefined, signal);
    },
  };
}

/** A disk in memory, made anew with each change; its owner does by hand what a rollover says. */
export function bitlockerGuest(random: Random): Guest {
  const shorts = [1, 2, 3, 4, 5, 6, 7, 8];
  let protectors: readonly MadeProtector[] = [recovery(shorts, random)];
  let made = makeBitlocker({ protectors });
  let written: Uint8Array = random(4096);
  const remake = (next: readonly MadeProtector[]): void => {
    protectors = next;
    made = makeBitlocker({ protectors });
  };
  // at the end of the volume, where nothing that a reader looks at lies
  const image = (): Uint8Array => concat(made.image.subarray(0, made.image.length - written.length), written);
  return {
    kind: "recovery-password",
    firstValue: utf8(shorts.map((short) => String(11 * short).padStart(6, "0")).join("-")),
    sizeBytes: made.image.length,
    vitals: made.copyOffsets.map((offset) => offset + 64),
    image,
    write: () => {
      written = random(4096);
    },
    rollOver: async (client, binding) => {
      const how = { binding, executor: "steps", header: await presentedOf(image()) } as const;
      const { rollover } = await client.call("rollover.begin", how, signal);
      for (;;) {
        const look = { rollover: rollover.id, aim: "forward", header: await presentedOf(image()) } as const;
        const { task } = await client.call("rollover.next", look, signal);
        if (task.do === "nothing") return;
        if (task.do === "add") {
          const asked = { version: rollover.newVersion, reason: "a rollover by hand" };
          const { value } = await client.call("key.reveal", asked, signal);
          const groups = fromUtf8(fromBase64(value) ?? new Uint8Array()).split("-");
          const added = groups.map((group) => Number(group) / 11);
          remake([...protectors, recovery(added, random)]);
        } else remake(protectors.filter(({ guid }) => guid !== task.protector));
      }
    },
  };
}

function recovery(shorts: readonly number[], random: Random): MadeProtector {
  const digits = Buffer.from(random(16)).toString("hex");
  const guid = digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  return { kind: "recovery-password", guid, shorts };
}
