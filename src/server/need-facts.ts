import type { Need as ShownNeed } from "#api/values.ts";
import type { Need } from "#keys/needs/need.ts";
import { instantTextOrNull } from "#server/instants.ts";

/** A need as the API shows it. */
export function needFacts({ capturedMs, expectedUntilMs, ...need }: Need): ShownNeed {
  return { ...need, capturedAt: instantTextOrNull(capturedMs), expectedUntil: instantTextOrNull(expectedUntilMs) };
}
