import type { PointHeaderId } from "#ops/keys/prove-point.ts";
import { encryptedVolumes } from "#ops/points/encrypted-volumes.ts";
import { lightTermsOf } from "#ops/points/point-light.ts";
import { isOlder, renewalTerms } from "#policy/light.ts";
import type { Fold } from "#vault/fold/fold.ts";

/**
 * Says of a machine's headers which ones a key is to be derived for anew: those that were opened, the last time by a derivation that grows
 * old. Each is named once: a proof of it then serves all points that have it.
 */
export function headersToRenew(fold: Fold, now: Temporal.Instant): (header: PointHeaderId) => boolean {
  const newest = new Map<string, string>();
  for (const point of fold.points.values()) {
    for (const { disk, volume } of encryptedVolumes(point)) {
      const shown = point.shown.find((each) => each.disk === disk.disk && each.volume === volume.name);
      if (shown?.derivedAt === null || shown === undefined) continue;
      const id = idOf({ disk: disk.disk, volume: volume.name, headerDigest: volume.headerDigest });
      const known = newest.get(id);
      if (known === undefined || Temporal.Instant.compare(known, shown.derivedAt) < 0) newest.set(id, shown.derivedAt);
    }
  }
  const { proofDays } = renewalTerms(lightTermsOf(fold));
  return (header) => {
    const id = idOf(header);
    const derivedAt = newest.get(id);
    newest.delete(id);
    return derivedAt !== undefined && isOlder(Temporal.Instant.from(derivedAt), proofDays, now);
  };
}

function idOf({ disk, volume, headerDigest }: PointHeaderId): string {
  return `${disk}/${headerDigest}/${volume}`;
}
