import type { KeyStore } from "#keys/key-store.ts";
import { prepared } from "#keys/store/prepared.ts";
import { runningDays } from "#keys/vaults/counted-days.ts";

/** Counted days without a report after which a vault's content counts as unknown. */
const SILENT_DAYS = 7;

/** What is known of a vault's reports. */
export type Heard = {
  readonly retired: boolean;
  /** The newest epoch of the store in which each machine that is known of it was reported; that of its enrolment at first. */
  readonly epoch: number;
  /** The key side's counted days at its last report; at its enrolment, where it never reported. */
  readonly day: number;
  readonly reported: boolean;
  /** Whether points of it need versions. */
  readonly holdsPoints: boolean;
};

/**
 * Why nobody knows what a vault holds by now, in words, so that nothing may be destroyed; null where its last report counts, and
 * for one that is retired.
 *
 * @param now  the store's epoch, and the key side's counted days
 */
export function whySilent(heard: Heard, now: { readonly epoch: number; readonly day: number }): string | null {
  if (heard.retired) return null;
  if (heard.epoch < now.epoch) return "not all of its machines were reported since the key store was recovered";
  const days = now.day - heard.day;
  if (days <= SILENT_DAYS) return null;
  if (!heard.reported) return `it never reported, in ${days} counted days`;
  return heard.holdsPoints ? `it has not reported for ${days} counted days` : null;
}

/** Vaults that are silent, by name. */
export function silentVaults(
  store: KeyStore,
): readonly { readonly id: string; readonly name: string; readonly why: string }[] {
  const now = { epoch: store.facts().epoch, day: runningDays(store) };
  const rows = prepared(
    store.db,
    `SELECT id, name, heard_epoch, heard_day, retired_ms IS NOT NULL AS retired, last_report_ms IS NOT NULL AS reported,
         EXISTS (SELECT 1 FROM points WHERE points.vault = vaults.id) AS holds_points
       FROM vaults ORDER BY name`,
  ).all();
  return rows.flatMap((row) => {
    const heard = {
      retired: row["retired"] === 1,
      epoch: Number(row["heard_epoch"]),
      day: Number(row["heard_day"]),
      reported: row["reported"] === 1,
      holdsPoints: row["holds_points"] === 1,
    };
    const why = whySilent(heard, now);
    return why === null ? [] : [{ id: String(row["id"]), name: String(row["name"]), why }];
  });
}
