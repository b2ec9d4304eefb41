import type { JsonAt } from "#volume/luks2/json-at.ts";
import type { Luks2Crypt, Luks2Segment } from "#volume/luks2/metadata.ts";

const SECTOR_BYTES = 512n;

/** @see LUKS2 On-Disk Format Specification 1.1, section 3.3 */
export function parseSegment(number: number, at: JsonAt): Luks2Segment {
  const type = at.member("type").text();
  const offset = at.member("offset");
  const offsetBytes = offset.u64();
  if (offsetBytes % SECTOR_BYTES !== 0n) throw offset.corrupt("it is not a multiple of 512");
  const lengthBytes = parseLength(at.member("size"));
  const isOpal = type.startsWith("hw-opal");
  if (isOpal) checkOpal(at, lengthBytes);
  return {
    number,
    type,
    offsetBytes,
    lengthBytes,
    flags: at.optional("flags")?.texts() ?? [],
    crypt: type === "crypt" || type === "hw-opal-crypt" ? parseCrypt(at, lengthBytes) : null,
  };
}

function parseLength(at: JsonAt): bigint | null {
  if (at.text() === "dynamic") return null;
  const length = at.u64();
  if (length === 0n || length % SECTOR_BYTES !== 0n) throw at.corrupt("it is not a multiple of 512 from 512 on");
  return length;
}

function parseCrypt(at: JsonAt, lengthBytes: bigint | null): Luks2Crypt {
  const cipher = at.member("encryption").text();
  const sector = at.member("sector_size");
  const sectorBytes = sector.u32();
  if (sectorBytes === 0 || sectorBytes % 512 !== 0) throw sector.corrupt("it is not a multiple of 512 from 512 on");
  if (lengthBytes !== null && lengthBytes % BigInt(sectorBytes) !== 0n) {
    throw at.member("size").corrupt(`it is not a multiple of sector_size, ${sectorBytes}`);
  }
  return {
    cipher,
    sectorBytes,
    ivTweak: at.member("iv_tweak").u64(),
    integrity: parseIntegrity(at.optional("integrity")),
  };
}

function parseIntegrity(at: JsonAt | null): string | null {
  if (at === null) return null;
  at.member("journal_encryption").text();
  at.member("journal_integrity").text();
  return at.member("type").text();
}

/** A segment that a self-encrypting drive encrypts; it is not read here, only checked. */
function checkOpal(at: JsonAt, lengthBytes: bigint | null): void {
  if (lengthBytes === null) throw at.member("size").corrupt("a segment of this type has a size");
  at.member("opal_segment_number").integer();
  at.member("opal_key_size").integer();
  const range = at.member("opal_segment_size");
  if (range.u64() < lengthBytes) throw range.corrupt("it is smaller than the segment");
}
