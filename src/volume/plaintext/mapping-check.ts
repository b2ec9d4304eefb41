import { LockstepError } from "#errors/errors.ts";
import type { MappedStretch, Mapping } from "#volume/plaintext/mapping.ts";

/**
 * Checks that a mapping is what its type says: stretches in order and without gaps from 0 to its size, each inside the source,
 * and encrypted ones whole sectors of a cipher that is there, with sector numbers that are whole.
 *
 * @throws {LockstepError} ARGUMENT_INVALID: it is not, and where
 */
export function checkMapping(mapping: Mapping, sourceBytes: number): void {
  let end = 0;
  for (const [number, stretch] of mapping.stretches.entries()) {
    const found = fault(stretch, end, mapping, sourceBytes);
    if (found !== null) throw wrong(`stretch ${number} at byte ${stretch.offsetBytes}: ${found}`);
    end += stretch.lengthBytes;
  }
  if (end !== mapping.sizeBytes) throw wrong(`its stretches end at byte ${end}, its size is ${mapping.sizeBytes}`);
}

function fault(stretch: MappedStretch, expectedAt: number, mapping: Mapping, sourceBytes: number): string | null {
  const { offsetBytes, lengthBytes, content } = stretch;
  if (offsetBytes !== expectedAt) return `the one before ends at ${expectedAt}`;
  if (!Number.isSafeInteger(lengthBytes) || lengthBytes <= 0) return `its length is ${lengthBytes}`;
  if (!Number.isSafeInteger(offsetBytes + lengthBytes)) return `its length is ${lengthBytes}, which ends beyond 2^53-1`;
  if (content.kind === "zeros") return null;
  if (content.kind === "literal") {
    return content.bytes.length === lengthBytes
      ? null
      : `its length is ${lengthBytes}, it has ${content.bytes.length} bytes`;
  }

  const from = content.sourceOffsetBytes;
  if (!Number.isSafeInteger(from) || from < 0 || from + lengthBytes > sourceBytes) {
    return `it is made from ${lengthBytes} bytes at ${from}, the source has ${sourceBytes}`;
  }
  if (content.kind === "plain") return null;

  const spec = mapping.ciphers[content.cipher];
  if (spec === undefined) return `there is no cipher ${content.cipher}`;
  const { sectorBytes, ivUnitBytes } = spec;
  if (offsetBytes % sectorBytes !== 0 || lengthBytes % sectorBytes !== 0) {
    return `it is ${lengthBytes} bytes long: these are not whole sectors of ${sectorBytes} bytes`;
  }
  if (sectorBytes % ivUnitBytes !== 0)
    return `sectors of ${sectorBytes} bytes are not counted in units of ${ivUnitBytes}`;
  if (content.ivOffsetBytes < 0n || content.ivOffsetBytes % BigInt(ivUnitBytes) !== 0n) {
    return `its first sector's number, ${content.ivOffsetBytes} bytes, is not counted in units of ${ivUnitBytes}`;
  }
  return null;
}

function wrong(found: string): LockstepError {
  return new LockstepError("ARGUMENT_INVALID", `mapping of a volume: ${found}`);
}
