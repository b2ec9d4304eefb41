import assert from "node:assert/strict";
import { test } from "node:test";

import type { PresentedHeader } from "#api/values.ts";
import { base64, fromBase64, fromUtf8, utf8 } from "#bytes/text.ts";
import { testKeySide } from "#testing/keys/key-side.ts";
import { cheapKdf } from "#testing/volumes/bitlocker-entry-maker.ts";
import type { MadeProtector } from "#testing/volumes/bitlocker-entry-maker.ts";
import { makeBitlocker } from "#testing/volumes/bitlocker-maker.ts";
import { readBitlocker } from "#volume/bitlocker/header.ts";
import { memorySource } from "#volume/source/source.ts";

const { signal } = new AbortController();

const oldGuid = "4f2a91c0-1b2c-4d5e-8f90-a1b2c3d4e5f6";
const newGuid = "90817263-5465-4f7e-8d9c-0a1b2c3d4e5f";
const oldShorts = [1, 2, 3, 4, 5, 6, 7, 8];

/** A recovery password as Windows writes it. */
function textOf(shorts: readonly number[]): string {
  return shorts.map((short) => String(11 * short).padStart(6, "0")).join("-");
}

async function headerOf(protectors: readonly MadeProtector[]): Promise<PresentedHeader> {
  const source = memorySource(makeBitlocker({ protectors }).image);
  const header = await readBitlocker(source, signal);
  if (header === null) throw new Error("it is a BitLocker volume");
  const ranges: [number, string][] = [];
  for (const { offsetBytes, lengthBytes } of header.facts.headerRanges) {
    ranges.push([offsetBytes, base64(await source.read(offsetBytes, lengthBytes, signal))]);
  }
  return { sizeBytes: source.sizeBytes, sectorBytes: null, ranges };
}

test("a recovery password of BitLocker is rolled over by a person's steps", async () => {
  using keySide = await testKeySide(cheapKdf);
  const old: MadeProtector = { kind: "recovery-password", guid: oldGuid, shorts: oldShorts };
  const header = await headerOf([old]);
  const given = { name: "dc01", kind: "recovery-password", note: "", activatesAt: null, expiresAt: null } as const;
  await keySide.as("custodian", "key.add", { ...given, value: base64(utf8(textOf(oldShorts))) });
  const live = { place: null, source: "live", protector: null, volumeUuid: null } as const;
  const { binding } = await keySide.as("custodian", "key.bind", { version: "dc01/v1", header, ...live });

  const begin = { binding: binding.id, header };
  await assert.rejects(keySide.as("custodian", "rollover.begin", { ...begin, executor: "cryptsetup" }), {
    code: "VOLUME_UNSUPPORTED",
  });
  const { rollover } = await keySide.as("custodian", "rollover.begin", { ...begin, executor: "steps" });
  const next = async (protectors: readonly MadeProtector[]) => {
    const shown = { rollover: rollover.id, aim: "forward", header: await headerOf(protectors) } as const;
    return keySide.as("custodian", "rollover.next", shown);
  };
  assert.deepEqual((await next([old])).task, { do: "add", slot: null });

  const { value } = await keySide.as("custodian", "key.reveal", { version: "dc01/v2", reason: "rollover" });
  const text = fromUtf8(fromBase64(value) ?? new Uint8Array());
  assert.match(text, /^(\d{6}-){7}\d{6}$/);
  const shorts = text.split("-").map((group) => Number(group) / 11);
  const added: MadeProtector = { kind: "recovery-password", guid: newGuid, shorts };
  assert.deepEqual((await next([old, added])).task, { do: "remove", protector: oldGuid, by: "new" });
  const end = await next([added]);
  assert.deepEqual([end.task, end.rollover.step], [{ do: "nothing" }, "removed"]);
});

test("a password of BitLocker is not rolled over: a volume has one at most", async () => {
  using keySide = await testKeySide(cheapKdf);
  const header = await headerOf([{ kind: "password", guid: oldGuid, password: "correct horse" }]);
  const given = { name: "dc01", kind: "passphrase", note: "", activatesAt: null, expiresAt: null } as const;
  await keySide.as("custodian", "key.add", { ...given, value: base64(utf8("correct horse")) });
  const live = { place: null, source: "live", protector: null, volumeUuid: null } as const;
  const { binding } = await keySide.as("custodian", "key.bind", { version: "dc01/v1", header, ...live });
  const begin = { binding: binding.id, header, executor: "steps" } as const;
  await assert.rejects(keySide.as("custodian", "rollover.begin", begin), {
    code: "VOLUME_UNSUPPORTED",
    message: /one password at most/,
  });
});
