import type { JsonAt } from "#volume/luks2/json-at.ts";
import type { Luks2Kdf, Luks2KeyslotContent } from "#volume/luks2/metadata.ts";

const SECTOR_BYTES = 512n;

/** @see LUKS2 On-Disk Format Specification 1.1, section 3.2.1 */
export function parseVolumeKeyslot(at: JsonAt): Luks2KeyslotContent {
  const kdf = parseKdf(at.member("kdf"));
  const af = at.member("af");
  const afType = af.member("type");
  if (afType.text() !== "luks1") throw afType.corrupt("it is not luks1");
  // The number of stripes is only checked to be one: cryptsetup uses 4000 whatever is written.
  af.member("stripes").integer();
  const area = at.member("area");
  const areaType = area.member("type");
  if (areaType.text() !== "raw") throw areaType.corrupt("it is not raw");
  return {
    kind: "volume key",
    kdf,
    afHash: af.member("hash").text(),
    areaCipher: area.member("encryption").text(),
    areaKeyBytes: area.member("key_size").integer(),
  };
}

/** Members of another derivation are passed over: old versions of cryptsetup left some behind, and repair that silently. */
function parseKdf(at: JsonAt): Luks2Kdf {
  const kind = at.member("type").text();
  if (kind === "pbkdf2") {
    const iterations = at.member("iterations").integer();
    return { kind, hash: at.member("hash").text(), iterations, salt: at.member("salt").text() };
  }
  if (kind === "argon2i" || kind === "argon2id") {
    return {
      kind,
      passes: at.member("time").integer(),
      memoryKiB: at.member("memory").integer(),
      lanes: at.member("cpus").integer(),
      salt: at.member("salt").text(),
    };
  }
  return { kind: "unknown", type: kind };
}

/** @see LUKS2 On-Disk Format Specification 1.1, section 3.2.2 */
export function parseConversionKeyslot(at: JsonAt): Luks2KeyslotContent {
  const keySize = at.member("key_size");
  if (keySize.u32() !== 1) throw keySize.corrupt("a keyslot of this type has 1");
  const modeAt = at.member("mode");
  const mode = modeAt.text();
  if (mode !== "encrypt" && mode !== "reencrypt" && mode !== "decrypt") throw modeAt.corrupt("it is no mode");
  const directionAt = at.member("direction");
  const direction = directionAt.text();
  if (direction !== "forward" && direction !== "backward") throw directionAt.corrupt("it is no direction");
  const area = at.member("area");
  const type = area.member("type").text();
  return {
    kind: "conversion",
    mode,
    direction,
    checksum: type === "checksum" || type === "datashift-checksum" ? parseChecksum(area) : null,
    shiftBytes: type.startsWith("datashift") ? parseShift(area.member("shift_size")) : null,
  };
}

function parseChecksum(area: JsonAt): { hash: string; sectorBytes: number } {
  const at = area.member("sector_size");
  const sectorBytes = at.u32();
  const isPowerOfTwo = (sectorBytes & (sectorBytes - 1)) === 0;
  if (sectorBytes < 512 || !isPowerOfTwo) throw at.corrupt("it is no power of two from 512 on");
  return { hash: area.member("hash").text(), sectorBytes };
}

function parseShift(at: JsonAt): bigint {
  const shift = at.u64();
  if (shift === 0n || shift % SECTOR_BYTES !== 0n) throw at.corrupt("it is not a multiple of 512 from 512 on");
  return shift;
}
