import type { ShownVersion } from "#api/keys.ts";
import type { InputOf, ReplyOf } from "#api/routes.ts";
import type { KeyClient } from "#client/key-client.ts";
import { isLockstepError } from "#errors/errors.ts";
import type { ReportMachine } from "#ops/report/report-machine.ts";

/** What a report says of the key side, as the key side itself answered. */
export type ReportKeySide = {
  readonly store: ReplyOf<"store.show">;
  readonly copies: ReplyOf<"copy.list">;
  readonly kit: ReplyOf<"kit.show">["kit"];
  readonly alarms: ReplyOf<"alarm.list">["alarms"];
  /** The versions, old ones too, of each key that points of the vault were opened with, or are bound to. */
  readonly versions: readonly ReportVersion[];
  readonly audit: ReportAudit;
};

export type ReportVersion = ShownVersion["version"] & {
  /** Things that need it; of points no more than 1,000 each of live ones and others. */
  readonly needs: number;
  /** The latest forecast among them; null where there is none, or one of them has no end. */
  readonly neededUntil: string | null;
  /** Places whose copies of the key store hold it. */
  readonly copies: readonly string[];
};

export type ReportAudit = Omit<ReplyOf<"audit.check">, "entries"> & {
  /** The newest entry; null where there is none. */
  readonly head: { readonly seq: number; readonly hash: string } | null;
  /** The newest first. */
  readonly refused: readonly AuditEntry[];
  /** How many of the newest entries were looked through for those. */
  readonly lookedThrough: number;
};

type AuditEntry = ReplyOf<"audit.list">["entries"][number];

/** Pages of the audit log that are looked through for refused acts, and entries in each. */
const PAGES = 20;
const PAGE = 1_000;

/**
 * Asks the key side for what a report says of it. Has the audit log checked against the receipts that the machines' logs have, which
 * is an audited act itself.
 *
 * @param bound  key versions of the vault's points, by their names
 * @throws {LockstepError} what `KeyClient.call` throws; NOT_ALLOWED where it asks as neither a custodian nor an auditor
 */
export async function reportKeySide(
  client: KeyClient,
  machines: readonly ReportMachine[],
  bound: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<ReportKeySide> {
  const store = await client.call("store.show", {}, signal);
  const copies = await client.call("copy.list", {}, signal);
  const { kit } = await client.call("kit.show", {}, signal);
  const { alarms } = await client.call("alarm.list", {}, signal);
  const versions = await versionsOf(client, bound, signal);
  return { store, copies, kit, alarms, versions, audit: await auditOf(client, machines, signal) };
}

async function versionsOf(
  client: KeyClient,
  bound: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<ReportVersion[]> {
  const keys = new Set([...bound].map((name) => name.slice(0, name.lastIndexOf("/"))));
  const all: ReportVersion[] = [];
  for (const name of [...keys].toSorted()) {
    const versions = await shownOrNone(client, name, signal);
    all.push(
      ...versions.map(({ version, needs, copies }) => ({
        ...version,
        needs: needs.length,
        neededUntil: latest(needs.map(({ expectedUntil }) => expectedUntil)),
        copies: copies.map(({ place }) => place),
      })),
    );
  }
  return all;
}

/** None where the key store does not have the key any more: an older copy may have been recovered. */
async function shownOrNone(client: KeyClient, name: string, signal: AbortSignal): Promise<ShownVersion[]> {
  try {
    return (await client.call("key.show", { name }, signal)).versions;
  } catch (error) {
    if (isLockstepError(error, "NAME_UNKNOWN")) return [];
    throw error;
  }
}

/** Null where there is none, or one has no end. */
function latest(dates: readonly (string | null)[]): string | null {
  const known = dates.filter((date) => date !== null);
  return known.length < dates.length ? null : (known.toSorted().at(-1) ?? null);
}

async function auditOf(
  client: KeyClient,
  machines: readonly ReportMachine[],
  signal: AbortSignal,
): Promise<ReportAudit> {
  const receipts: InputOf<"audit.check">["receipts"] = machines.flatMap(({ name, receipts: all }) =>
    all.map((receipt) => ({ receipt, by: `a receipt in the log of ${name}` })),
  );
  const { heads, receipts: compared, notOurs, faults } = await client.call("audit.check", { receipts }, signal);
  const refused: AuditEntry[] = [];
  let [head, before, lookedThrough]: [ReportAudit["head"], number | undefined, number] = [null, undefined, 0];
  for (let page = 0; page < PAGES; page++) {
    const given: InputOf<"audit.list"> = before === undefined ? { last: PAGE } : { last: PAGE, before };
    const { entries }: ReplyOf<"audit.list"> = await client.call("audit.list", given, signal);
    const newest = entries.at(-1);
    if (head === null && newest !== undefined) head = { seq: newest.seq, hash: newest.hash };
    refused.push(...entries.filter(({ outcome }) => outcome === "refused").toReversed());
    lookedThrough += entries.length;
    before = entries[0]?.seq;
    if (before === undefined || before <= 1) break;
  }
  return { heads, receipts: compared, notOurs, faults, head, refused, lookedThrough };
}
