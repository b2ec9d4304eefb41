/** What a recovery point shows. "plain": nothing in it is encrypted, so no key is needed. */
export type Light = "green" | "amber" | "red" | "plain";

/** What the key side stated of an encrypted volume, in the words of docs/format/statements.md. */
export type ShownVerdict =
  | "reads"
  | "opens"
  | "opens, content damaged"
  | "not bound"
  | "version unusable"
  | "rejected"
  | "header damaged"
  | "unsupported"
  | "not tried";

/** An encrypted volume of a point, and what was last shown of it. */
export type VolumeFacts = {
  /** `disk 1, volume 2`, for the reasons. */
  readonly name: string;
  /** Null: nothing was ever stated of it. */
  readonly shown: {
    readonly verdict: ShownVerdict;
    /** When a key was last derived for it, the date that people see; null where none was. */
    readonly derivedAt: Temporal.Instant | null;
    /** No real sample ever showed us a volume in this state. */
    readonly unproven: boolean;
  } | null;
};

/** All that a point's light depends on. */
export type LightFacts = {
  readonly torn: boolean;
  /** Its bytes are known to be damaged. */
  readonly damaged: boolean;
  /** When all its bytes were last found good; for a point that was never checked, when it was written. */
  readonly bytesGoodAt: Temporal.Instant;
  /** What could not be looked at, or has no header that is known, so that nobody knows whether it is encrypted: `disk 2`. */
  readonly unknown: readonly string[];
  /** Encrypted volumes of an earlier point that have no header here that can be read. */
  readonly lostHeaders: readonly string[];
  readonly volumes: readonly VolumeFacts[];
};

/** How long something that was shown counts, in days. */
export type LightTerms = { readonly proofDays: number; readonly checkDays: number };

/** The default terms. */
export const usualTerms: LightTerms = { proofDays: 7, checkDays: 30 };

/** How old a proof may become before a key is derived anew: half as old as it counts, so that a daily one keeps a light green. */
export function renewalTerms(terms: LightTerms): LightTerms {
  return { ...terms, proofDays: terms.proofDays / 2 };
}

/** A cause of a light other than green; the code is for programs. */
export type LightReason = {
  readonly light: "amber" | "red";
  readonly code:
    | "BYTES_DAMAGED"
    | "BYTES_NOT_CHECKED"
    | "TORN"
    | "NOT_KNOWN"
    | "NOT_TRIED"
    | "NOT_TRIED_LATELY"
    | "NOT_BOUND"
    | "VERSION_UNUSABLE"
    | "KEY_REJECTED"
    | "HEADER_DAMAGED"
    | "CONTENT_DAMAGED"
    | "UNSUPPORTED"
    | "UNPROVEN";
  readonly words: string;
};

/**
 * The light of a point: the worst light that any of its facts gives. docs/lights.md has the table of all cases.
 *
 * Green is never given for what was not shown: each encrypted volume was opened within `proofDays`, the bytes were found good
 * within `checkDays`, the copy is not torn, and all of it could be looked at.
 */
export function lightOf(
  facts: LightFacts,
  terms: LightTerms,
  now: Temporal.Instant,
): { readonly light: Light; readonly reasons: readonly LightReason[] } {
  const reasons = [
    ...bytesReasons(facts, terms, now),
    ...facts.volumes.flatMap((one) => volumeReasons(one, terms, now)),
  ];
  if (reasons.some(({ light }) => light === "red")) return { light: "red", reasons };
  if (reasons.length > 0) return { light: "amber", reasons };
  return { light: facts.volumes.length === 0 ? "plain" : "green", reasons };
}

function bytesReasons(
  { torn, damaged, bytesGoodAt, unknown, lostHeaders }: LightFacts,
  { checkDays }: LightTerms,
  now: Temporal.Instant,
): LightReason[] {
  const reasons: LightReason[] = [];
  if (damaged) reasons.push({ light: "red", code: "BYTES_DAMAGED", words: "bytes of it are damaged" });
  if (torn) reasons.push({ light: "amber", code: "TORN", words: "the copy is torn" });
  if (isOlder(bytesGoodAt, checkDays, now)) {
    const words = `its bytes were last found good on ${dateOf(bytesGoodAt)}`;
    reasons.push({ light: "amber", code: "BYTES_NOT_CHECKED", words });
  }
  for (const what of lostHeaders) {
    const words = `${what} was encrypted in an earlier point, and has no header here that can be read`;
    reasons.push({ light: "red", code: "HEADER_DAMAGED", words });
  }
  for (const what of unknown) {
    reasons.push({ light: "amber", code: "NOT_KNOWN", words: `nobody knows whether ${what} is encrypted` });
  }
  return reasons;
}

function volumeReasons({ name, shown }: VolumeFacts, { proofDays }: LightTerms, now: Temporal.Instant): LightReason[] {
  const reason = (light: LightReason["light"], code: LightReason["code"], words: string): LightReason[] => [
    { light, code, words: `${name} ${words}` },
  ];
  if (shown === null) return reason("amber", "NOT_TRIED", "was not tried yet");
  switch (shown.verdict) {
    case "reads":
    case "opens": {
      if (shown.derivedAt === null) return reason("amber", "NOT_TRIED", "was not tried yet");
      if (isOlder(shown.derivedAt, proofDays, now)) {
        return reason("amber", "NOT_TRIED_LATELY", `was last opened on ${dateOf(shown.derivedAt)}`);
      }
      if (shown.unproven) return reason("amber", "UNPROVEN", "is in a state that no real volume showed us");
      return [];
    }
    case "opens, content damaged":
      return reason("red", "CONTENT_DAMAGED", "opens, and its file system is not right");
    case "not bound":
      return reason("red", "NOT_BOUND", "has no protector that a key held here is bound to");
    case "version unusable":
      return reason("red", "VERSION_UNUSABLE", "is bound to a key version that cannot be used");
    case "rejected":
      return reason("red", "KEY_REJECTED", "is not opened by the key version that is bound to it");
    case "header damaged":
      return reason("red", "HEADER_DAMAGED", "has a damaged header");
    case "unsupported":
      return reason("amber", "UNSUPPORTED", "cannot be opened here, with any key");
    case "not tried":
      return reason("amber", "NOT_TRIED", "was not tried yet");
  }
}

/** Whether something was shown too long ago to count. A date ahead of the clock is not trusted to be new. */
export function isOlder(at: Temporal.Instant, days: number, now: Temporal.Instant): boolean {
  const hours = (now.epochMilliseconds - at.epochMilliseconds) / 3_600_000;
  return hours > days * 24 || hours < -24;
}

function dateOf(at: Temporal.Instant): string {
  return at.toString().slice(0, 10);
}
