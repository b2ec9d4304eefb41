import type { PresentedHeader } from "#api/values.ts";
import { presentHeader } from "#ops/volumes/present-header.ts";
import { memorySource } from "#volume/source/source.ts";
import { readVolumeHeader } from "#volume/volume-header.ts";

/** The header of an encrypted volume, as a custodian presents it. */
export async function presentedOf(volume: Uint8Array): Promise<PresentedHeader> {
  const { signal } = new AbortController();
  const source = memorySource(volume);
  return presentHeader({ header: await readVolumeHeader(source, "a test's volume", signal), source }, signal);
}
