import assert from "node:assert/strict";
import { test } from "node:test";

import { changesBetween, volumeNotes } from "#ops/volumes/volume-changes.ts";
import { mapOf, someFacts, someProtector, someVolume } from "#testing/volumes/volume-facts.ts";
import type { PlainContent } from "#volume/content.ts";
import type { EncryptedVolume, VolumeWarning } from "#volume/header/volume.ts";
import type { MappedVolume } from "#volume/inspect.ts";

const ext4: PlainContent = {
  kind: "file system",
  type: "ext4",
  variant: null,
  label: "root",
  uuid: null,
  sizeBytes: null,
  verified: "checksum",
  copy: { which: "first", offsetBytes: 1024 },
  problems: [],
  lvm: null,
};
const empty: PlainContent = { kind: "empty", words: "zeros", sampledBytes: 1 };
const guess = (of: "ciphertext" | "plain data" | "too little data"): PlainContent => {
  return { kind: "unknown", guess: of, words: "", sampledBytes: 1 };
};
const failure = { code: "HEADER_CORRUPT", message: "LUKS1 header: cut short" } as const;

const plain = (content: PlainContent, name = "1"): MappedVolume => someVolume({ name, content });
const sealed = (facts: Partial<EncryptedVolume> = {}, name = "disk"): MappedVolume =>
  someVolume({ name, encrypted: someFacts(facts) });

const codesOf = (...volumes: readonly MappedVolume[]): string[] =>
  volumeNotes("sda", null, mapOf(...volumes)).map(({ code }) => code);

test("a disk is called not encrypted only where something plain is on it, and nothing that may hide", () => {
  assert.deepEqual(volumeNotes("sda", null, mapOf(plain(ext4))), [
    { code: "DISK_NOT_ENCRYPTED", message: "disk sda is not encrypted" },
  ]);
  assert.deepEqual(codesOf(plain(ext4), plain(empty)), ["DISK_NOT_ENCRYPTED"]);
  assert.deepEqual(codesOf(plain(guess("plain data"))), ["DISK_NOT_ENCRYPTED"]);
  assert.deepEqual(codesOf(), []);
  assert.deepEqual(codesOf(plain(empty)), []);
  assert.deepEqual(codesOf(plain(guess("too little data"))), []);
  assert.deepEqual(codesOf(plain(guess("ciphertext"))), []);
  assert.deepEqual(codesOf(plain(ext4), sealed()), []);
  assert.deepEqual(codesOf(plain(ext4), plain(guess("ciphertext"))), []);
  assert.deepEqual(codesOf(plain(ext4), someVolume({ failure })), ["VOLUME_DAMAGED"]);
});

test("a volume that cannot be looked at and one that is converted are told at every backup", () => {
  const map = mapOf(
    someVolume({ name: "1", failure }),
    sealed({ state: "converting", progress: 0.479 }, "2"),
    sealed({ state: "converting" }),
  );
  const notes = [
    { code: "VOLUME_DAMAGED", message: "disk sda, volume 1: LUKS1 header: cut short" },
    {
      code: "REENCRYPTION",
      message: "disk sda, volume 2: re-encryption in progress (47 %): the next backup is a full one",
    },
    { code: "REENCRYPTION", message: "disk sda: re-encryption in progress: the next backup is a full one" },
  ];
  assert.deepEqual(volumeNotes("sda", null, map), notes);
  assert.deepEqual(volumeNotes("sda", map, map), notes);
});

test("what BitLocker does to a volume is told in its own words", () => {
  const told = (words: string, progress: number | null): readonly string[] => {
    const warnings = [{ code: "CONVERTING", message: words }] as const;
    const volume = sealed({ format: "bitlocker", state: "converting", progress, warnings });
    return volumeNotes("sda", null, mapOf(volume)).map(({ message }) => message);
  };
  assert.deepEqual(told("it is being decrypted", 0.25), [
    "disk sda: it is being decrypted (25 %): the next backup is a full one",
  ]);
  assert.deepEqual(told("it is encrypted as it is written to", null), [
    "disk sda: it is encrypted as it is written to",
  ]);
});

function changes(before: readonly MappedVolume[], now: readonly MappedVolume[]): string[] {
  return changesBetween("sda", mapOf(...before), mapOf(...now)).map(({ code, message }) => `${code} ${message}`);
}

test("what is the same is not told", () => {
  for (const volume of [sealed(), plain(ext4), someVolume({ failure })])
    assert.deepEqual(changes([volume], [volume]), []);
  assert.deepEqual(changes([plain(empty)], [plain(ext4)]), []);
});

test("keyslots that were added, changed and removed are named", () => {
  const slot = (id: number, fingerprint: string) => someProtector({ id: `keyslot ${id}`, fingerprint });
  const before = sealed({ protectors: [slot(0, "a"), slot(1, "b"), slot(2, "c")] });
  const now = sealed({ protectors: [slot(0, "a"), slot(2, "C"), slot(3, "d")], headerDigest: "d1" });
  assert.deepEqual(changes([before], [now]), [
    "HEADER_CHANGED disk sda: header changed since the last point (keyslot 2 changed, keyslot 3 added, keyslot 1 removed)",
  ]);
});

test("a protector of BitLocker is named by what people know it by", () => {
  const guid = "4381f759-c4f8-4de0-bb61-fc33a831bda5";
  const now = sealed({ headerDigest: "d1", protectors: [someProtector({ id: guid, kind: "recovery-password" })] });
  assert.deepEqual(changes([sealed({ protectors: [] })], [now]), [
    `HEADER_CHANGED disk sda: header changed since the last point (recovery password 4381F759 added)`,
  ]);
});

test("another way to decrypt and a change of nothing that opens it are told apart", () => {
  const said = "HEADER_CHANGED disk sda: header changed since the last point";
  assert.deepEqual(changes([sealed()], [sealed({ headerDigest: "d1" })]), [said]);
  assert.deepEqual(changes([sealed()], [sealed({ headerDigest: "d1", identity: "i1" })]), [
    `${said} (its sectors decrypt in another way)`,
  ]);
});

test("volumes that come, go, move, and become encrypted or plain are told", () => {
  const elsewhere = { stretches: [{ offsetBytes: 4096, lengthBytes: 4096 }] };
  assert.deepEqual(changes([plain(ext4)], [plain(ext4), sealed({}, "2")]), [
    "VOLUME_CHANGED disk sda, volume 2: it is new",
  ]);
  assert.deepEqual(changes([plain(ext4), sealed()], [plain(ext4)]), ["VOLUME_CHANGED disk sda: it is gone"]);
  assert.deepEqual(changes([plain(ext4)], [sealed({}, "1")]), [
    "VOLUME_CHANGED disk sda, volume 1: it is encrypted now",
  ]);
  assert.deepEqual(changes([sealed({}, "1")], [plain(ext4)]), [
    "VOLUME_CHANGED disk sda, volume 1: it is not encrypted any more",
  ]);
  assert.deepEqual(changes([sealed()], [{ ...sealed({ headerDigest: "d1" }), ...elsewhere }]), [
    "VOLUME_CHANGED disk sda: it lies elsewhere, or has another size",
    "HEADER_CHANGED disk sda: header changed since the last point",
  ]);
});

test("a damaged header is not taken for one that is gone", () => {
  assert.deepEqual(changes([sealed()], [someVolume({ failure })]), [
    "VOLUME_CHANGED disk sda: it cannot be looked at any more",
  ]);
  assert.deepEqual(changes([someVolume({ failure })], [sealed()]), [
    "VOLUME_CHANGED disk sda: it can be looked at again",
  ]);
});

test("that others may read a volume is told when it is new, and not again", () => {
  const warning = (code: VolumeWarning["code"], message: string): VolumeWarning => ({ code, message });
  const clear = warning("CLEAR_KEY", "protector 4381f759: its key lies beside it in plain");
  const token = warning("FOREIGN_WAY_IN", "token 0 (clevis) opens keyslot 1");
  const others = [warning("NULL_CIPHER", "nothing"), warning("NOT_ENCRYPTED", "plain")];
  const no = [warning("COPY_DAMAGED", "copy"), warning("FOREIGN_TOKEN", "token 1"), warning("ENTRY_IGNORED", "entry")];
  const messages = (before: MappedVolume | null, ...warnings: readonly VolumeWarning[]): readonly string[] =>
    volumeNotes("sda", before === null ? null : mapOf(before), mapOf(sealed({ warnings }, "1"))).map(
      ({ code, message }) => `${code} ${message}`,
    );
  const said = ({ message }: VolumeWarning): string => `VOLUME_WARNING disk sda, volume 1: ${message}`;
  assert.deepEqual(messages(null, clear, ...no, token, ...others), [clear, token, ...others].map(said));
  assert.deepEqual(messages(sealed({ warnings: [token] }, "1"), token, clear), [said(clear)]);
  assert.deepEqual(messages(sealed({ warnings: [token, clear] }, "1"), token, clear), []);
  assert.deepEqual(messages(sealed({ warnings: [token, clear] }, "1")), [], "what is gone is no warning");
});
