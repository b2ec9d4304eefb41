import { volumeWords } from "#ops/volumes/volume-words.ts";
import { protectorName } from "#volume/header/protector-name.ts";
import type { EncryptedVolume, VolumeWarning } from "#volume/header/volume.ts";
import type { MappedVolume, VolumeMap } from "#volume/inspect.ts";

/** Something that people should know of a disk's volumes. Codes are stable. */
export type VolumeNote = {
  readonly code:
    "DISK_NOT_ENCRYPTED" | "HEADER_CHANGED" | "VOLUME_CHANGED" | "VOLUME_WARNING" | "REENCRYPTION" | "VOLUME_DAMAGED";
  readonly message: string;
};

/** That somebody who has none of the keys that are held here may read a volume, or that everybody may. */
const OPEN_TO_OTHERS: readonly VolumeWarning["code"][] = [
  "CLEAR_KEY",
  "NULL_CIPHER",
  "NOT_ENCRYPTED",
  "FOREIGN_WAY_IN",
];

/**
 * Warnings about a disk's volumes, by themselves and compared with those of the point before.
 *
 * @param name    the disk's, for messages
 * @param before  null where nothing is known
 */
export function volumeNotes(name: string, before: VolumeMap | null, now: VolumeMap): readonly VolumeNote[] {
  const notes: VolumeNote[] = [];
  if (isPlain(now)) notes.push({ code: "DISK_NOT_ENCRYPTED", message: `disk ${name} is not encrypted` });
  for (const volume of now.volumes) {
    const where = volumeWords(name, volume.name);
    const { encrypted, failure } = volume;
    if (failure !== null) notes.push({ code: "VOLUME_DAMAGED", message: `${where}: ${failure.message}` });
    if (encrypted?.state === "converting") {
      notes.push({ code: "REENCRYPTION", message: `${where}: ${conversionWords(encrypted)}` });
    }
    const old = before?.volumes.find((each) => each.name === volume.name);
    for (const words of newWaysIn(old?.encrypted ?? null, encrypted)) {
      notes.push({ code: "VOLUME_WARNING", message: `${where}: ${words}` });
    }
  }
  return before === null ? notes : [...notes, ...changesBetween(name, before, now)];
}

/** Said once, and not at every backup: suspending the protection may be meant, and a TPM mostly is. */
function newWaysIn(old: EncryptedVolume | null, now: EncryptedVolume | null): readonly string[] {
  const known = new Set(old?.warnings.map(({ message }) => message));
  const warnings = now?.warnings.filter(({ code, message }) => OPEN_TO_OTHERS.includes(code) && !known.has(message));
  return warnings?.map(({ message }) => message) ?? [];
}

/** LUKS is re-encrypted from end to end; what BitLocker does, its header says, and encrypting what is written has no end. */
function conversionWords({ format, progress, warnings }: EncryptedVolume): string {
  const done = progress === null ? "" : ` (${Math.floor(progress * 100)} %)`;
  const said = format === "bitlocker" ? warnings.find(({ code }) => code === "CONVERTING")?.message : undefined;
  if (said !== undefined && progress === null) return said;
  return `${said ?? "re-encryption in progress"}${done}: the next backup is a full one`;
}

/** Something is on it, and none of it is encrypted as far as can be told. */
function isPlain({ volumes }: VolumeMap): boolean {
  const holdsPlain = ({ content }: MappedVolume): boolean =>
    content !== null && content.kind !== "empty" && !(content.kind === "unknown" && content.guess !== "plain data");
  const mayHide = ({ encrypted, content, failure }: MappedVolume): boolean =>
    encrypted !== null || failure !== null || (content?.kind === "unknown" && content.guess === "ciphertext");
  return volumes.some(holdsPlain) && !volumes.some(mayHide);
}

/** What differs between the volumes of two points of a disk. */
export function changesBetween(name: string, before: VolumeMap, now: VolumeMap): readonly VolumeNote[] {
  const olds = new Map(before.volumes.map((volume) => [volume.name, volume]));
  const news = new Map(now.volumes.map((volume) => [volume.name, volume]));
  return [...new Set([...olds.keys(), ...news.keys()])].flatMap((volumeName) => {
    const where = volumeWords(name, volumeName);
    const changes = changesOf(olds.get(volumeName), news.get(volumeName));
    return changes.map(({ code, words }) => ({ code, message: `${where}: ${words}` }));
  });
}

type Change = { readonly code: VolumeNote["code"]; readonly words: string };

function changesOf(old: MappedVolume | undefined, now: MappedVolume | undefined): readonly Change[] {
  const changed = (words: string): Change => ({ code: "VOLUME_CHANGED", words });
  if (old === undefined) return now === undefined ? [] : [changed("it is new")];
  if (now === undefined) return [changed("it is gone")];
  const isElsewhere = JSON.stringify(old.stretches) !== JSON.stringify(now.stretches);
  const moved = isElsewhere ? [changed("it lies elsewhere, or has another size")] : [];
  if (now.failure !== null)
    return old.failure === null ? [...moved, changed("it cannot be looked at any more")] : moved;
  if (old.failure !== null) return [...moved, changed("it can be looked at again")];
  if (old.encrypted === null && now.encrypted === null) return moved;
  if (old.encrypted === null) return [...moved, changed("it is encrypted now")];
  if (now.encrypted === null) return [...moved, changed("it is not encrypted any more")];
  return [...moved, ...headerChanges(old.encrypted, now.encrypted)];
}

function headerChanges(old: EncryptedVolume, now: EncryptedVolume): readonly Change[] {
  if (old.headerDigest === now.headerDigest) return [];
  const details = old.identity === now.identity ? [] : ["its sectors decrypt in another way"];
  const before = new Map(old.protectors.map((each) => [each.id, each]));
  const after = new Map(now.protectors.map((each) => [each.id, each]));
  for (const [id, protector] of after) {
    const was = before.get(id);
    if (was === undefined) details.push(`${protectorName(protector)} added`);
    else if (was.fingerprint !== protector.fingerprint) details.push(`${protectorName(protector)} changed`);
  }
  for (const [id, protector] of before) if (!after.has(id)) details.push(`${protectorName(protector)} removed`);
  const what = details.length === 0 ? "" : ` (${details.join(", ")})`;
  return [{ code: "HEADER_CHANGED", words: `header changed since the last point${what}` }];
}
