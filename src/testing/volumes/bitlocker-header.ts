import assert from "node:assert/strict";

import type { MadeProtector } from "#testing/volumes/bitlocker-entry-maker.ts";
import { makeBitlocker } from "#testing/volumes/bitlocker-maker.ts";
import type { BitlockerRecipe, MadeVolume } from "#testing/volumes/bitlocker-maker.ts";
import { readBitlocker } from "#volume/bitlocker/header.ts";
import type { EncryptedHeader } from "#volume/header/encrypted-header.ts";
import type { EncryptedVolume } from "#volume/header/volume.ts";
import { memorySource } from "#volume/source/source.ts";
import type { VolumeSource } from "#volume/source/source.ts";

/** The GUID of a made protector, told from others by a digit. */
export function guidOf(digit: number): string {
  return `${digit}0000000-0000-4000-8000-00000000000${digit}`;
}

export const passwordProtector = {
  kind: "password",
  guid: guidOf(1),
  password: "correct horse",
} as const satisfies MadeProtector;

export const recoveryProtector = {
  kind: "recovery-password",
  guid: guidOf(2),
  shorts: [1, 2, 3, 4, 5, 6, 7, 8],
} as const satisfies MadeProtector;

/** Reads the header of a BitLocker volume; a source that is none fails the test. */
export async function bitlockerHeader(source: VolumeSource): Promise<EncryptedHeader> {
  return (await readBitlocker(source, new AbortController().signal)) ?? assert.fail("not taken for BitLocker");
}

/** What the header of a volume that is made after a recipe says. */
export async function bitlockerFacts(recipe: BitlockerRecipe): Promise<EncryptedVolume> {
  return (await bitlockerHeader(memorySource(makeBitlocker(recipe).image))).facts;
}

/** The codes of a volume's warnings, in their order. */
export function codesOf({ warnings }: EncryptedVolume): readonly string[] {
  return warnings.map(({ code }) => code);
}

/** Where a copy of a made volume's metadata starts. @param number  1 to 3 */
export function copyAt(made: MadeVolume, number: number): number {
  return made.copyOffsets[number - 1] ?? assert.fail(`there is no copy ${number}`);
}
