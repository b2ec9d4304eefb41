import assert from "node:assert/strict";
import { test } from "node:test";

import type { PresentedHeader } from "#api/values.ts";
import { fromBase64 } from "#bytes/text.ts";
import { presentPointHeader } from "#ops/volumes/present-header.ts";
import { readVolumes } from "#ops/volumes/stored-volumes.ts";
import { memoryDisk } from "#testing/disks/memory-disk.ts";
import { presentedOf } from "#testing/keys/presented-volume.ts";
import { makeBitlocker } from "#testing/volumes/bitlocker-maker.ts";
import { sampleVolume } from "#testing/volumes/luks1-sample.ts";
import { luks2Sample } from "#testing/volumes/luks2-sample.ts";
import type { EncryptedVolume } from "#volume/header/volume.ts";
import { piecesSource } from "#volume/source/pieces-source.ts";
import { memorySource } from "#volume/source/source.ts";
import { readVolumeHeader } from "#volume/volume-header.ts";

const { signal } = new AbortController();

const shorts = [1, 2, 3, 4, 5, 6, 7, 8];
const protectors = [{ guid: "4f2a91c0-52d1-4b0e-9c33-0a1b2c3d4e5f", kind: "recovery-password", shorts }] as const;
const volumes = [
  ["LUKS1", sampleVolume],
  ["LUKS2", luks2Sample.copy().written()],
  ["BitLocker", makeBitlocker({ protectors }).image],
] as const;

async function factsOf({ sizeBytes, sectorBytes, ranges }: PresentedHeader): Promise<EncryptedVolume> {
  const pieces = ranges.map(([offsetBytes, text]) => ({ offsetBytes, bytes: fromBase64(text) ?? new Uint8Array() }));
  return (await readVolumeHeader(piecesSource({ sizeBytes, sectorBytes }, pieces), "it", signal)).facts;
}

for (const [name, volume] of volumes) {
  test(`what is presented of ${name} says all that the volume's header says`, async () => {
    const { facts } = await readVolumeHeader(memorySource(volume), "it", signal);
    const presented = await presentedOf(volume);
    assert.deepEqual(await factsOf(presented), facts);
    assert.ok(presented.ranges.reduce((sum, [, text]) => sum + text.length, 0) < volume.length * 1.4);
  });

  test(`what a point has of ${name} is the same`, async () => {
    const stored = await readVolumes(memoryDisk(volume), 2 ** 25, signal);
    const { header, volume: mapped } = presentPointHeader(stored, null);
    assert.deepEqual(header, await presentedOf(volume));
    assert.equal(mapped.encrypted?.identity, (await factsOf(header)).identity);
    assert.throws(() => presentPointHeader(stored, "7"), { code: "VOLUME_MISSING" });
  });
}

test("a point that has no header says so", () => {
  assert.throws(() => presentPointHeader(undefined, null), { code: "VOLUME_MISSING", message: /it has none/ });
});

test("of several volumes one must be named", async () => {
  const stored = await readVolumes(memoryDisk(sampleVolume), 2 ** 25, signal);
  const [one] = stored.headers;
  assert.ok(one !== undefined);
  const two = { ...stored, headers: [one, { ...one, volume: "2" }] };
  assert.throws(() => presentPointHeader(two, null), { code: "ARGUMENT_INVALID" });
});
