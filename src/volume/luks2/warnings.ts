import { parseCipher } from "#volume/cipher/cipher-name.ts";
import type { Token, VolumeWarning } from "#volume/header/volume.ts";
import { headerBase64 } from "#volume/luks2/base64.ts";
import { progressOf } from "#volume/luks2/conversion.ts";
import { digestFault } from "#volume/luks2/digest.ts";
import type { Luks2Reading } from "#volume/luks2/facts.ts";
import { dataSegments } from "#volume/luks2/metadata.ts";
import type { Luks2Metadata, Luks2Segment } from "#volume/luks2/metadata.ts";
import { MOST_KEYSLOTS } from "#volume/luks2/way.ts";
import { visibleText } from "#volume/source/visible-text.ts";

/** cryptsetup makes no more; further ones are passed over. */
const MOST_TOKENS = 32;

/** Tokens by which some program opens the volume without asking anybody for what is held here. */
const WAYS_IN = new Set([
  "clevis",
  "ssh",
  "systemd-fido2",
  "systemd-pkcs11",
  "systemd-recovery",
  "systemd-tpm2",
  "ubuntu-fde",
  "ubuntu-fde-recovery",
]);

/** The notes that programs left in a header. */
export function luks2Tokens(metadata: Luks2Metadata): readonly Token[] {
  return metadata.tokens
    .slice(0, MOST_TOKENS)
    .map(({ number, type, keyslots }) => ({ id: number, type: shown(type), keyslots }));
}

/** What somebody should know of the volume. */
export function luks2Warnings(reading: Luks2Reading): readonly VolumeWarning[] {
  const { metadata } = reading.stored;
  return [
    ...reading.stored.warnings,
    ...dataSegments(metadata).flatMap((segment) => plainSegmentWarnings(reading, segment)),
    ...keyslotWarnings(metadata),
    ...digestWarnings(reading),
    ...conversionWarnings(reading),
    ...tokenWarnings(metadata),
    ...sizeWarnings(reading),
  ];
}

function plainSegmentWarnings({ plan }: Luks2Reading, { number, type, crypt }: Luks2Segment): readonly VolumeWarning[] {
  if (type === "linear") {
    // During a conversion the part that is not converted yet is linear, as it should be.
    if (plan.conversion !== null) return [];
    return [{ code: "NOT_ENCRYPTED", message: `segment ${number} is stored in plain (linear)` }];
  }
  if (crypt === null || !isNullCipher(crypt.cipher)) return [];
  const cipher = `segment ${number} has the cipher ${shown(crypt.cipher)}`;
  return [
    { code: "NULL_CIPHER", message: `${cipher}, which encrypts nothing` },
    { code: "NOT_ENCRYPTED", message: `${cipher}: all its sectors are stored in plain` },
  ];
}

function keyslotWarnings({ keyslots }: Luks2Metadata): readonly VolumeWarning[] {
  const warnings: VolumeWarning[] = [];
  for (const { number, content, priority } of keyslots) {
    if (content.kind !== "volume key") continue;
    if (priority === "ignore") {
      const message = `keyslot ${number} has the priority "ignore": a secret is tried on it only where it is named`;
      warnings.push({ code: "ENTRY_IGNORED", message });
    }
    if (!isNullCipher(content.areaCipher)) continue;
    const message = `keyslot ${number} has the cipher ${shown(content.areaCipher)}: the volume key in it lies in plain`;
    warnings.push({ code: "NULL_CIPHER", message });
  }
  if (keyslots.length > MOST_KEYSLOTS) {
    warnings.push({
      code: "ENTRY_IGNORED",
      message: `${keyslots.length} keyslots: those beyond ${MOST_KEYSLOTS} are passed over`,
    });
  }
  return warnings;
}

/** A digest of few bytes, which another key may have too, is told apart from one that is merely damaged. */
function digestWarnings({ stored, plan }: Luks2Reading): readonly VolumeWarning[] {
  const used = plan.conversion === null ? plan.keys : [...plan.keys, plan.conversion.seal];
  return stored.metadata.digests
    .filter((digest) => used.includes(digest))
    .flatMap((digest) => {
      const fault = digestFault(digest);
      if (fault === null) return [];
      const bytes = headerBase64(digest.pbkdf2?.digest ?? "")?.length ?? 0;
      const why = bytes < 20 ? "it is too short to tell a key from another: " : "";
      return [
        { code: "WEAK_DIGEST" as const, message: `digest ${digest.number} verifies no key: ${why}${fault.message}` },
      ];
    });
}

function conversionWarnings({ stored, plan, sizeBytes }: Luks2Reading): readonly VolumeWarning[] {
  const { conversion } = plan;
  if (conversion === null) {
    const isUnderWay = stored.metadata.config.requirements.some((requirement) => requirement.includes("reencrypt"));
    return isUnderWay ? [{ code: "CONVERTING", message: plan.unreadable ?? "a conversion is under way" }] : [];
  }
  const { mode, direction } = conversion.content;
  const done = progressOf(stored.metadata, conversion, sizeBytes);
  const percent = done === null ? "" : `, ${Math.floor(done * 100)} % done`;
  const hot = conversion.hot === null ? "" : "; it was taken while a part was being written";
  const message = `being converted (${mode}, ${direction}, resilience ${conversion.keyslot.area.type})${percent}${hot}`;
  return [{ code: "CONVERTING", message }];
}

function tokenWarnings(metadata: Luks2Metadata): readonly VolumeWarning[] {
  const tokens = luks2Tokens(metadata);
  const warnings = tokens.map(({ id, type, keyslots }): VolumeWarning => {
    const ways = keyslots.length === 0 ? "no keyslot" : `keyslot ${keyslots.join(", ")}`;
    return WAYS_IN.has(type)
      ? { code: "FOREIGN_WAY_IN", message: `token ${id} (${type}) opens ${ways}: a way in that is not held here` }
      : { code: "FOREIGN_TOKEN", message: `token ${id} (${type}) belongs to ${ways}` };
  });
  if (metadata.tokens.length > tokens.length) {
    const message = `${metadata.tokens.length} tokens: those beyond ${MOST_TOKENS} are passed over`;
    warnings.push({ code: "ENTRY_IGNORED", message });
  }
  return warnings;
}

/** A header that was kept apart ends before its data; one on its volume does not. */
function sizeWarnings({ stored, sizeBytes }: Luks2Reading): readonly VolumeWarning[] {
  return dataSegments(stored.metadata).flatMap(({ number, offsetBytes, lengthBytes }) => {
    const end = offsetBytes + (lengthBytes ?? 512n);
    if (offsetBytes === 0n || end <= sizeBytes) return [];
    const found = `segment ${number} goes ${lengthBytes === null ? "on from" : "up to"} byte ${lengthBytes === null ? offsetBytes : end}`;
    const message = `${found}, and this has ${sizeBytes} bytes: a header alone, or cut short`;
    return [{ code: "SIZE_IMPOSSIBLE" as const, message }];
  });
}

function isNullCipher(cipher: string): boolean {
  return "notEncrypted" in parseCipher(cipher, 32, 512);
}

function shown(text: string): string {
  return visibleText(text.slice(0, 80));
}
