import { sha256 } from "#crypto/derive.ts";
import { crc32c } from "#volume/source/crc32c.ts";

/**
 * The checksum of a Btrfs superblock or tree node. The library of the rare ones is loaded only for them: it is large.
 *
 * @param type   `csum_type` of the superblock
 * @param bytes  what it covers: all behind the checksum's 32 bytes
 * @returns      as it is stored; null for a type that is not known here
 * @see Btrfs documentation, "Checksumming"
 */
export async function btrfsChecksum(type: number, bytes: Uint8Array): Promise<Uint8Array | null> {
  switch (type) {
    case 0: {
      const sum = new Uint8Array(4);
      new DataView(sum.buffer).setUint32(0, crc32c(bytes), true);
      return sum;
    }
    case 1: {
      const { createXXHash64 } = await import("hash-wasm");
      // the library gives xxHash's canonical form, which is big-endian
      return (await createXXHash64()).init().update(bytes).digest("binary").reverse();
    }
    case 2:
      return sha256(bytes);
    case 3: {
      const { createBLAKE2b } = await import("hash-wasm");
      return (await createBLAKE2b(256)).init().update(bytes).digest("binary");
    }
    default:
      return null;
  }
}
