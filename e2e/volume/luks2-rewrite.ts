import { fromUtf8, utf8 } from "#bytes/text.ts";
import { LUKS2_BINARY_BYTES, luks2Checksum, parseLuks2Binary } from "#volume/luks2/binary.ts";

/** A volume with the JSON of both headers changed, and their checksums made right. */
export function rewritten(volume: Uint8Array, change: (json: string) => string | Uint8Array): Uint8Array {
  const bytes = volume.slice();
  const { headerBytes, checksumHash } = parseLuks2Binary(bytes, "primary", 0);
  for (const start of [0, headerBytes]) {
    const whole = bytes.subarray(start, start + headerBytes);
    const area = whole.subarray(LUKS2_BINARY_BYTES);
    const changed = change(fromUtf8(area.subarray(0, area.indexOf(0))));
    area.fill(0);
    area.set(typeof changed === "string" ? utf8(changed) : changed);
    whole.set(luks2Checksum(whole, checksumHash), 448);
  }
  return bytes;
}
