import type { BootSector } from "#volume/bitlocker/boot-sector.ts";
import type { MetadataCopies } from "#volume/bitlocker/copies.ts";
import type { LayoutFound } from "#volume/bitlocker/layout.ts";
import type { BitlockerProtector } from "#volume/bitlocker/protectors.ts";
import type { BitlockerState } from "#volume/bitlocker/state.ts";

/** What was read of a BitLocker volume. */
export type BitlockerReading = {
  readonly boot: BootSector;
  /** As stored, 512 bytes. */
  readonly bootSector: Uint8Array;
  readonly copies: MetadataCopies;
  readonly state: BitlockerState;
  readonly layout: LayoutFound;
  readonly protectors: readonly BitlockerProtector[];
  /** Of the source, which may be a header that was kept apart. */
  readonly sizeBytes: number;
};
