import type { ReportKeySide } from "#ops/report/report-key-side.ts";
import type { ReportMachine } from "#ops/report/report-machine.ts";
import { markup } from "#ops/report/report-markup.ts";
import type { Markup } from "#ops/report/report-markup.ts";
import { minuteOf, reportTable } from "#ops/report/report-table.ts";

/** Refused acts that are listed; all are counted. */
const REFUSED_SHOWN = 200;

/** What a report's page says of the key side: versions, copies, the kit, the audit log. */
export function keySideSections(keySide: ReportKeySide, machines: readonly ReportMachine[]): Markup {
  return markup`<h2>Key versions</h2>
<p>${keySide.store.versions} versions of ${keySide.store.keys} keys are in the key store; those of keys that these points need are listed.</p>
${versionTable(keySide)}
<h2>Copies of the key store</h2>
${copyTable(keySide)}
${kitWords(keySide)}
<h2>Audit log</h2>
${auditSection(keySide, machines)}`;
}

function versionTable({ versions }: ReportKeySide): Markup {
  const rows = versions.map((version) => [
    version.name,
    version.kind.replaceAll("-", " "),
    version.createdAt.slice(0, 10),
    stateWords(version),
    version.needs >= 1000 ? `${version.needs} or more` : version.needs,
    version.needs === 0 ? "-" : (version.neededUntil?.slice(0, 10) ?? "no end in sight"),
    version.copies.join(", ") || "none",
  ]);
  return reportTable(["Version", "Kind", "Made", "State", "Needed by", "Expected until", "Held in copies in"], rows);
}

function stateWords(version: ReportKeySide["versions"][number]): string {
  const { destroyedAt, deletedAt, retiredAt, compromisedAt, enabled } = version;
  const known = compromisedAt === null ? "" : `, known to others since ${compromisedAt.slice(0, 10)}`;
  if (destroyedAt !== null) return `destroyed ${destroyedAt.slice(0, 10)}${known}`;
  if (deletedAt !== null) return `deleted ${deletedAt.slice(0, 10)}${known}`;
  if (!enabled) return `disabled${known}`;
  return `${retiredAt === null ? "in use" : `replaced ${retiredAt.slice(0, 10)}, held`}${known}`;
}

function copyTable({ copies }: ReportKeySide): Markup {
  const rows = copies.places.map(({ place, domain, newest, complete, failure }) => [
    place,
    domain,
    newest === null ? "none" : `number ${newest.number}, ${minuteOf(newest.writtenAt)}`,
    complete ? "yes" : "no",
    failure ?? "",
  ]);
  return markup`<p>Places that do not fail together and have all that is in the key store: ${copies.domains}.</p>
${reportTable(["Place", "Fails together with", "Newest copy", "Has all", "Last failure"], rows)}`;
}

function kitWords({ kit }: ReportKeySide): Markup {
  if (kit === null) return markup`<p>There is no kit.</p>`;
  const checked = kit.checkedAt === null ? "never checked" : `last checked ${kit.checkedAt.slice(0, 10)}`;
  const stale = kit.stale === null ? "" : ` Stale: ${kit.stale}.`;
  return markup`<p>Kit ${kit.id}: made ${kit.createdAt.slice(0, 10)}, ${checked}; any ${kit.threshold} of the pages of ${kit.custodians.join(", ")}.${stale}</p>`;
}

function auditSection({ audit }: ReportKeySide, machines: readonly ReportMachine[]): Markup {
  const { head, heads, receipts, faults, refused, lookedThrough } = audit;
  const whole = faults.length === 0 ? "It is whole." : "It is not whole.";
  const kept = machines.flatMap(({ name, receipts: all }) =>
    all.map(({ at, epoch, auditSeq, auditHash, copy }) => [
      name,
      minuteOf(at),
      epoch,
      auditSeq,
      hashCell(auditHash),
      copy,
    ]),
  );
  const acts = refused
    .slice(0, REFUSED_SHOWN)
    .map(({ seq, at, who, role, act, subject }) => [seq, minuteOf(at), `${who} (${role})`, act, subject]);
  const some = refused.length > acts.length ? `; the newest ${acts.length} are listed` : "";
  return markup`<p>Head: ${head === null ? "none" : markup`entry ${head.seq}, <code>${head.hash}</code>`}. ${heads} signed heads and ${receipts} receipts were compared. ${whole}</p>
<h3>Receipts that the machines' logs have</h3>
${reportTable(["Machine", "At", "Epoch", "Audit entry", "Its hash", "Copy"], kept)}
<h3>Refused acts</h3>
<p>${refused.length} among the newest ${lookedThrough} entries${some}.</p>
${reportTable(["Entry", "At", "Who", "Act", "On"], acts)}`;
}

function hashCell(hash: string): Markup {
  return markup`<code>${hash}</code>`;
}
