import assert from "node:assert/strict";
import { test } from "node:test";

import { costWords, mapLines, secondsWords, whatIs, whatIsIn } from "#cli/shown/shown-volume.ts";
import { mapOf, someFacts, someProtector, someVolume } from "#testing/volumes/volume-facts.ts";
import type { PlainContent } from "#volume/content.ts";

const fat: PlainContent & { kind: "file system" } = {
  kind: "file system",
  type: "vfat",
  variant: "FAT32",
  label: "EFI",
  uuid: "DEAD-BABE",
  sizeBytes: null,
  verified: "structure",
  copy: { which: "first", offsetBytes: 0 },
  problems: [{ code: "COPY_DAMAGED", message: "the boot sector's copy differs" }],
  lvm: null,
};
const unknown: PlainContent = {
  kind: "unknown",
  guess: "ciphertext",
  words: "as random as it can be",
  sampledBytes: 1,
};

test("a volume is told in few words", () => {
  const sealed = (more: Parameters<typeof someFacts>[0]): string => whatIs(someVolume({ encrypted: someFacts(more) }));
  assert.equal(sealed({}), "LUKS2 aes-xts-plain64");
  assert.equal(sealed({ format: "luks1", cipher: "aes-cbc-essiv:sha256" }), "LUKS1 aes-cbc-essiv:sha256");
  for (const [version, name] of [
    ["7", "BitLocker"],
    ["8+", "BitLocker"],
    ["togo", "BitLocker To Go"],
    ["vista", "BitLocker (Vista)"],
  ] as const) {
    assert.equal(sealed({ format: "bitlocker", version }), `${name} aes-xts-plain64`);
  }
  assert.equal(
    sealed({ format: "bitlocker", state: "partly encrypted" }),
    "BitLocker aes-xts-plain64, partly encrypted",
  );
  const warnings = [{ code: "NOT_ENCRYPTED", message: "it is not encrypted any more" }] as const;
  assert.equal(
    sealed({ format: "bitlocker", state: "partly encrypted", progress: 1, warnings }),
    "BitLocker aes-xts-plain64, not encrypted",
  );
  assert.equal(sealed({ state: "converting", progress: 0.999 }), "LUKS2 aes-xts-plain64, converting 99 %");
  assert.equal(sealed({ state: "unreadable" }), "LUKS2 aes-xts-plain64, unreadable");
  const failure = { code: "HEADER_CORRUPT", message: "LUKS1 header: cut short" } as const;
  assert.equal(whatIs(someVolume({ failure })), "not looked at: LUKS1 header: cut short");
  assert.equal(whatIs(someVolume({ content: fat })), 'FAT32 "EFI"');
});

test("what is a guess is called one, and what was sampled is called sampled", () => {
  assert.equal(whatIsIn(unknown), "unknown; a guess: ciphertext");
  assert.equal(whatIsIn({ kind: "empty", words: "zeros", sampledBytes: 1 }), "empty, as far as sampled");
  for (const label of [null, ""]) assert.equal(whatIsIn({ ...fat, variant: null, label }), "vfat");
});

test("what a trial costs is told so that nobody takes it for measured", () => {
  const pbkdf2 = { kind: "pbkdf2", iterations: 1_048_576, memoryKiB: 0, lanes: 1, seconds: 0.4 } as const;
  assert.equal(costWords(pbkdf2), "pbkdf2, 1,048,576 rounds, less than 1 s");
  const argon = { kind: "argon2id", iterations: 4, memoryKiB: 1024 * 1024, lanes: 4, seconds: 2.1 } as const;
  assert.equal(costWords(argon), "argon2id, 1.0 GiB, 4 passes, about 3 s");
  for (const [seconds, words] of [
    [0, "less than 1 s"],
    [1, "about 1 s"],
    [119.5, "about 120 s"],
    [120, "about 2 min"],
    [121, "about 3 min"],
  ] as const) {
    assert.equal(secondsWords(seconds), words);
  }
});

test("a map is a tree: the disk, its volumes, and below each what there is to say of it", () => {
  const encrypted = someFacts({
    uuid: "u-1",
    label: "vault",
    unreadable: "it needs OPAL hardware",
    protectors: [
      someProtector(),
      someProtector({ id: "keyslot 1", cost: null, unusable: "its cipher is not known here", label: "old" }),
      someProtector({ id: "keyslot 2", cost: null }),
    ],
    tokens: [
      { id: 0, type: "clevis", keyslots: [1, 2] },
      { id: 1, type: "systemd-tpm2", keyslots: [1] },
      { id: 2, type: "note", keyslots: [] },
    ],
    warnings: [{ code: "FOREIGN_WAY_IN", message: "token 0 (clevis) is a way in that is not held here" }],
  });
  const partition = {
    number: 1,
    name: "ESP",
    typeText: "EFI system",
    typeId: "",
    uuid: null,
    place: { offsetBytes: 1_048_576, lengthBytes: 4096 },
    bootable: false,
  };
  const map = {
    ...mapOf(
      someVolume({ name: "1", content: fat, partition, stretches: [partition.place] }),
      someVolume({ name: "2", encrypted, partition: { ...partition, number: 2, name: "", typeText: "Linux data" } }),
      someVolume({ name: "2/pool", stretches: [], failure: { code: "VOLUME_UNSUPPORTED", message: "a thin pool" } }),
      someVolume({ name: "3", content: unknown }),
    ),
    table: {
      kind: "gpt",
      sectorBytes: 512,
      problems: [{ code: "COPY_DAMAGED", message: "the second copy is gone" }],
    },
  } as const;
  assert.deepEqual(mapLines("web01.raw", map), [
    "web01.raw: 4.0 KiB, GPT, sectors of 512 bytes",
    "  warning: the second copy is gone [COPY_DAMAGED]",
    '  1 (EFI system, "ESP"): 4.0 KiB at byte 1048576: FAT32 "EFI"',
    "      UUID DEAD-BABE",
    "      warning: the boot sector's copy differs [COPY_DAMAGED]",
    "  2 (Linux data): 4.0 KiB at byte 0: LUKS2 aes-xts-plain64",
    "      key of 512 bits, sectors of 512 bytes, UUID u-1",
    '      label "vault"',
    "      cannot be read here: it needs OPAL hardware",
    "      keyslot 0: pbkdf2, 2,000,000 rounds, about 1 s",
    '      keyslot 1 "old": its cipher is not known here',
    "      keyslot 2",
    "      token 0: clevis, keyslots 1, 2",
    "      token 1: systemd-tpm2, keyslot 1",
    "      token 2: note, no keyslot",
    "      warning: token 0 (clevis) is a way in that is not held here [FOREIGN_WAY_IN]",
    "  2/pool: 4.0 KiB: not looked at: a thin pool",
    "  3: 4.0 KiB at byte 0: unknown; a guess: ciphertext",
    "      as random as it can be",
  ]);
  assert.deepEqual(mapLines("x", mapOf()), ["x: 4.0 KiB, no partition table"]);
});

test("a key whose length nothing says, since all keyslots were removed, is not called one of 0 bits", () => {
  const erased = mapOf(someVolume({ encrypted: someFacts({ keyBits: 0, uuid: null, protectors: [] }) }));
  assert.deepEqual(mapLines("x", erased).slice(2), ["      sectors of 512 bytes"]);
});
