import type { PresentedHeader as Given } from "#api/values.ts";
import { fromBase64 } from "#bytes/text.ts";
import { LockstepError } from "#errors/errors.ts";
import type { PresentedHeader } from "#keys/bindings/presented-header.ts";

/** A header as the API gets it, with its bytes. @throws {LockstepError} ARGUMENT_INVALID: they are no base64 */
export function presentedHeader({ sizeBytes, sectorBytes, ranges }: Given): PresentedHeader {
  const pieces = ranges.map(([offsetBytes, text]) => {
    const bytes = fromBase64(text);
    if (bytes !== null) return { offsetBytes, bytes };
    throw new LockstepError("ARGUMENT_INVALID", `reading a header: its bytes at ${offsetBytes} are no base64`);
  });
  return { size: { sizeBytes, sectorBytes }, pieces };
}
