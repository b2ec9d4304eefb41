import { formatBytes } from "#cli/output/units.ts";
import type { PlainContent } from "#volume/content.ts";
import type { KdfCost } from "#volume/header/kdf.ts";
import { protectorName } from "#volume/header/protector-name.ts";
import type { EncryptedVolume } from "#volume/header/volume.ts";
import type { MappedVolume, VolumeMap } from "#volume/inspect.ts";

const formats = { luks1: "LUKS1", luks2: "LUKS2", bitlocker: "BitLocker" } as const;

/** What a volume is, in few words: `LUKS2 aes-xts-plain64`, `ext4 "root"`. */
export function whatIs({
  encrypted,
  content,
  failure,
}: Pick<MappedVolume, "encrypted" | "content" | "failure">): string {
  if (encrypted !== null) {
    return `${formatName(encrypted)} ${encrypted.cipher}${stateWords(encrypted)}`;
  }
  if (content !== null) return whatIsIn(content);
  return failure === null ? "unknown" : `not looked at: ${failure.message}`;
}

/** What is unusual about its state, behind a comma. */
function stateWords({ format, state, progress, warnings }: EncryptedVolume): string {
  if (format === "bitlocker" && warnings.some(({ code }) => code === "NOT_ENCRYPTED")) return ", not encrypted";
  const done = progress === null ? "" : ` ${Math.floor(progress * 100)} %`;
  return state === "encrypted" ? "" : `, ${state}${done}`;
}

/** The format by its name; BitLocker's unusual versions too. */
function formatName({ format, version }: EncryptedVolume): string {
  if (version === "vista") return "BitLocker (Vista)";
  if (version === "togo") return "BitLocker To Go";
  return formats[format];
}

/** What a plain volume holds, or a decrypted one. */
export function whatIsIn(content: PlainContent): string {
  if (content.kind === "empty") return "empty, as far as sampled";
  if (content.kind === "unknown") return `unknown; a guess: ${content.guess}`;
  const { kind, type, variant, label } = content;
  if (kind === "swap") return [type, ...(variant === null ? [] : [variant])].join(", ");
  return [variant ?? type, ...(label === null || label === "" ? [] : [`"${label}"`])].join(" ");
}

/** What trying a secret costs, in words. */
export function costWords({ kind, iterations, memoryKiB, seconds }: KdfCost): string {
  const memory = memoryKiB === 0 ? "" : `, ${formatBytes(memoryKiB * 1024)}`;
  const rounds = `${iterations.toLocaleString("en")} ${memoryKiB === 0 ? "rounds" : "passes"}`;
  return `${kind}${memory}, ${rounds}, ${secondsWords(seconds)}`;
}

/** A few seconds, rounded so that nobody takes them for measured. */
export function secondsWords(seconds: number): string {
  if (seconds < 1) return "less than 1 s";
  return seconds < 120 ? `about ${Math.ceil(seconds)} s` : `about ${Math.ceil(seconds / 60)} min`;
}

/** A disk's map as lines of a tree. */
export function mapLines(shown: string, { sizeBytes, table, volumes }: VolumeMap): string[] {
  const scheme =
    table === null ? "no partition table" : `${table.kind.toUpperCase()}, sectors of ${table.sectorBytes} bytes`;
  const lines = [`${shown}: ${formatBytes(sizeBytes)}, ${scheme}`];
  for (const { code, message } of table?.problems ?? []) lines.push(`  warning: ${message} [${code}]`);
  for (const volume of volumes) lines.push(...volumeLines(volume));
  return lines;
}

function volumeLines(volume: MappedVolume): string[] {
  const { name, sizeBytes, stretches, partition, encrypted, content } = volume;
  const start = stretches[0];
  const where = start === undefined ? "" : ` at byte ${start.offsetBytes}`;
  const called = partition === null ? "" : ` (${[partition.typeText, ...nameOf(partition.name)].join(", ")})`;
  const lines = [`  ${name}${called}: ${formatBytes(sizeBytes)}${where}: ${whatIs(volume)}`];
  if (encrypted !== null) lines.push(...encryptedLines(encrypted).map((line) => `      ${line}`));
  if (content !== null && "problems" in content) {
    if (content.uuid !== null) lines.push(`      UUID ${content.uuid}`);
    for (const { code, message } of content.problems) lines.push(`      warning: ${message} [${code}]`);
  }
  if (content?.kind === "unknown") lines.push(`      ${content.words}`);
  return lines;
}

function nameOf(name: string | null): string[] {
  return name === null || name === "" ? [] : [`"${name}"`];
}

function keyslotWords(keyslots: readonly number[]): string {
  if (keyslots.length === 0) return "no keyslot";
  return `${keyslots.length === 1 ? "keyslot" : "keyslots"} ${keyslots.join(", ")}`;
}

function encryptedLines(volume: EncryptedVolume): string[] {
  const { keyBits, sectorBytes, uuid, label, protectors, tokens, warnings, unreadable } = volume;
  // Of a LUKS2 volume without keyslots nothing says how long the key is.
  const key = keyBits === 0 ? "" : `key of ${keyBits} bits, `;
  const lines = [`${key}sectors of ${sectorBytes} bytes${uuid === null ? "" : `, UUID ${uuid}`}`];
  if (label !== null && label !== "") lines.push(`label "${label}"`);
  if (unreadable !== null) lines.push(`cannot be read here: ${unreadable}`);
  for (const protector of protectors) {
    const { cost, unusable } = protector;
    const more = unusable ?? (cost === null ? null : costWords(cost));
    lines.push(
      `${protectorName(protector)}${protector.label === null ? "" : ` "${protector.label}"`}${more === null ? "" : `: ${more}`}`,
    );
  }
  for (const { id, type, keyslots } of tokens) lines.push(`token ${id}: ${type}, ${keyslotWords(keyslots)}`);
  for (const { code, message } of warnings) lines.push(`warning: ${message} [${code}]`);
  return lines;
}
