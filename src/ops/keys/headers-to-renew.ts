import type { PointHeaderId, ProvedVolume } from "#ops/keys/prove-point.ts";
import { encryptedVolumes } from "#ops/points/encrypted-volumes.ts";
import { lightTermsOf } from "#ops/points/point-light.ts";
import { isOlder, renewalTerms } from "#policy/light.ts";
import type { Fold } from "#vault/fold/fold.ts";

/** Headers of a machine that a key is to be derived for anew, until one was: a proof of it then serves all points that have it. */
export type HeadersToRenew = {
  readonly isDue: (header: PointHeaderId) => boolean;
  /** Takes what came of a proof: whatever it says of the header is said. One that speaks of its own point alone renews nothing. */
  readonly note: (proved: ProvedVolume) => void;
};

/**
 * Says which of a machine's headers are due: those that were opened, the last time by a derivation that grows old. A derivation that found
 * its point worse is none that the others could carry over.
 */
export function headersToRenew(fold: Fold, now: Temporal.Instant): HeadersToRenew {
  const newest = new Map<string, string>();
  for (const point of fold.points.values()) {
    for (const { disk, volume } of encryptedVolumes(point)) {
      const shown = point.shown.find((each) => each.disk === disk.disk && each.volume === volume.name);
      if (!shown?.derivedAt || !["reads", "opens"].includes(shown.verdict)) continue;
      const id = idOf({ disk: disk.disk, volume: volume.name, headerDigest: volume.headerDigest });
      const known = newest.get(id);
      if (known === undefined || Temporal.Instant.compare(known, shown.derivedAt) < 0) newest.set(id, shown.derivedAt);
    }
  }
  const { proofDays } = renewalTerms(lightTermsOf(fold));
  const isOld = ([, derivedAt]: [string, string]): boolean => isOlder(Temporal.Instant.from(derivedAt), proofDays, now);
  const due = new Set([...newest].filter(isOld).map(([id]) => id));
  return {
    isDue: (header) => due.has(idOf(header)),
    note: ({ presented, stated }) => {
      if (presented !== null && stated?.verdict !== "opens, content damaged") due.delete(idOf(presented));
    },
  };
}

function idOf({ disk, volume, headerDigest }: PointHeaderId): string {
  return `${disk}/${headerDigest}/${volume}`;
}
