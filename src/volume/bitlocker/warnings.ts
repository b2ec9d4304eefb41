import { doCopiesDiffer } from "#volume/bitlocker/copies.ts";
import { leastBytes } from "#volume/bitlocker/layout.ts";
import { isForeign } from "#volume/bitlocker/protectors.ts";
import type { BitlockerReading } from "#volume/bitlocker/reading.ts";
import type { VolumeWarning } from "#volume/header/volume.ts";

/** So many entries that are not known are named; a header may have been made of thousands. */
const IGNORED_NAMED = 16;

/** What somebody should know about a volume, in the order of the header. */
export function bitlockerWarnings(reading: BitlockerReading): readonly VolumeWarning[] {
  const { copies, state, protectors } = reading;
  const { metadata, number, validation } = copies.used;
  const warnings: VolumeWarning[] = [];
  const warn = (code: VolumeWarning["code"], message: string): void => void warnings.push({ code, message });

  for (const problem of copies.problems) warn("COPY_DAMAGED", problem);
  if (doCopiesDiffer(copies)) warn("COPIES_DIFFER", `the copies of the metadata differ; copy ${number} is the newest`);
  if (state.encryptedBytes === 0n && state.unreadable === null) warn("NOT_ENCRYPTED", state.words ?? "");
  else if (state.words !== null) warn("CONVERTING", state.words);
  if (validation.hash === null) warn("WEAK_DIGEST", "the metadata has no MAC, which would show a change by others");
  for (const { facts, damage } of protectors) {
    const named = `protector ${facts.id}`;
    if (facts.kind === "clear-key") {
      warn("CLEAR_KEY", `${named}: its key lies beside it in plain: protection is suspended, or not yet on`);
    }
    if (isForeign(facts)) warn("FOREIGN_WAY_IN", `${named}: ${facts.unusable ?? ""}, which is not held here`);
    else if (damage !== null) warn("ENTRY_IGNORED", `${named}: ${damage}`);
  }
  const ignored = [...protectors.flatMap((protector) => protector.ignored), ...metadata.ignored];
  for (const entry of ignored.slice(0, IGNORED_NAMED)) warn("ENTRY_IGNORED", entry);
  const others = ignored.length - IGNORED_NAMED;
  if (others > 0) warn("ENTRY_IGNORED", `${others} more entries are not known here`);
  const size = sizeProblem(reading);
  if (size !== null) warn("SIZE_IMPOSSIBLE", size);
  const unseen = notShown(reading);
  if (unseen.length > 0) warn("NOT_SHOWN_BY_SAMPLES", `no real volume showed how to read ${unseen.join(", nor ")}`);
  return warnings;
}

function sizeProblem(reading: BitlockerReading): string | null {
  const { sizeBytes, copies, layout, state } = reading;
  const { metadata } = copies.used;
  const { encryptedBytes } = metadata.head;
  const least = leastBytes(layout);
  if (sizeBytes < least) {
    return `its header reaches to byte ${least}, and this has ${sizeBytes} bytes: a header alone, or cut short`;
  }
  const sizes = `${encryptedBytes} bytes are encrypted, and this has ${sizeBytes} bytes`;
  if (encryptedBytes > BigInt(sizeBytes)) return `${sizes}: it was made smaller, or cut short`;
  // Version 1 has no such field, and a volume that is encrypted in part is plain behind that part.
  const isWhole = state.encryptedBytes === null && metadata.head.version === 2 && state.unreadable === null;
  if (!isWhole || encryptedBytes === BigInt(sizeBytes)) return null;
  return `${sizes}: what lies behind is shown as if it were encrypted, as Linux does`;
}

/** What this volume has that none of the volumes had which the reader was tried on. */
function notShown({ boot, copies, state, layout }: BitlockerReading): readonly string[] {
  const { head, movedBoot } = copies.used.metadata;
  const unseen: string[] = [];
  if (boot.layout === "vista") unseen.push("one of Windows Vista");
  else if (movedBoot === null) unseen.push("one without the entry for its moved boot sectors");
  // There are samples that are encrypted on write, and they are refused.
  if (state.words !== null && boot.identifier !== "encrypt-on-write")
    unseen.push(`one of which it is said that ${state.words}`);
  if ((head.method & 0xffff) === 0x8001) unseen.push("the Elephant diffuser with 256 bits");
  if (layout.isSectorSizeAssumed) unseen.push("one that does not say its sector size");
  if (layout.sectorBytes !== 512 && layout.cipher?.mode === "cbc") unseen.push("CBC with large sectors");
  return unseen;
}
