import type { Receipt, ReportedPoint, needsRoutes } from "#api/needs.ts";
import type { InputOf } from "#api/routes.ts";
import { fromHex } from "#bytes/text.ts";
import { sha256Text } from "#crypto/derive.ts";
import { LockstepError } from "#errors/errors.ts";
import { act } from "#keys/access/act.ts";
import { acknowledgeAlarm, openAlarms } from "#keys/audit/alarms.ts";
import type { KeyStore } from "#keys/key-store.ts";
import { destructionRefusal, needsOf } from "#keys/needs/needs.ts";
import { receiveReport } from "#keys/needs/receive-report.ts";
import type { ReceivedReport } from "#keys/needs/receive-report.ts";
import { openableVolumes } from "#keys/needs/usable-versions.ts";
import { freedWithoutVault, needsWithoutHold } from "#keys/needs/what-if.ts";
import { freezeWherePutBack } from "#keys/recovery/put-back.ts";
import type { Caller } from "#keys/store/model.ts";
import { runningDays } from "#keys/vaults/counted-days.ts";
import { quarantineLeft } from "#keys/vaults/quarantine.ts";
import { silentVaults } from "#keys/vaults/silent-vaults.ts";
import { thawIfReported } from "#keys/vaults/thaw.ts";
import { enrolVault, loadVault, loadVaults, requireReporter, retireVault } from "#keys/vaults/vaults.ts";
import type { KnownVault } from "#keys/vaults/vaults.ts";
import { findVersion, versionName } from "#keys/versions/versions.ts";
import { isPutBack } from "#policy/frozen.ts";
import { auditWithinBudget } from "#server/audit-within-budget.ts";
import type { Answers } from "#server/handler.ts";
import { instantText, instantTextOrNull, msOf, msOrNull } from "#server/instants.ts";
import type { KeySide } from "#server/key-side.ts";
import { needFacts } from "#server/need-facts.ts";
import { receiptOf, verifiedReceipt } from "#server/receipt.ts";

export const needsAnswers: Answers<keyof typeof needsRoutes> = {
  "vault.enrol": {
    subject: ({ name }) => name,
    audits: true,
    handle: ({ store }, caller, { rootCommitment: commitment, ...given }) =>
      act(store, caller, { act: "vault.enrol", subject: given.name, detail: given }, () => {
        const rootCommitment = fromHex(commitment);
        if (rootCommitment === null) throw new LockstepError("ARGUMENT_INVALID", "the root commitment is no hex");
        enrolVault(store, { ...given, rootCommitment });
        return {};
      }),
  },
  "vault.retire": {
    subject: ({ vault }) => vault,
    audits: true,
    before: ({ store }, { vault }) => void loadVault(store, vault),
    handle: ({ store }, caller, { vault }) =>
      act(store, caller, { act: "vault.retire", subject: vault }, () => {
        const retired = retireVault(store, vault);
        thawIfReported(store);
        return { name: retired.name, points: retired.points, daysLeft: daysLeftOf(store, retired) };
      }),
  },
  "vault.needs": {
    subject: ({ vault }) => vault,
    handle: ({ store }, _caller, { vault: id }) => {
      const vault = loadVault(store, id);
      const freed = freedWithoutVault(store, id);
      return {
        name: vault.name,
        points: vault.points,
        daysLeft: daysLeftOf(store, vault),
        freed: freed.map(({ version, atOnce }) => ({ version: versionName(version), atOnce })),
      };
    },
  },
  "vault.list": {
    subject: () => "vaults",
    handle: ({ store }) => {
      const silent = new Map(silentVaults(store).map(({ id, why }) => [id, why]));
      return {
        vaults: loadVaults(store).map((vault) => ({
          vault: vault.id,
          name: vault.name,
          reporter: vault.reporterName,
          enrolledAt: instantText(vault.enrolledMs),
          lastReportAt: instantTextOrNull(vault.lastReportMs),
          retiredAt: instantTextOrNull(vault.retired?.ms ?? null),
          silent: silent.get(vault.id) ?? null,
          machines: vault.machines,
          points: vault.points,
        })),
      };
    },
  },
  "point.report": {
    subject: ({ machineName }) => machineName,
    audits: true,
    handle: (side, caller, { points, receipts = [], ...of }) => {
      const { store } = side;
      requireReporter(store, caller, of.vault);
      const warnings = checkReceipts(side, caller, of, receipts);
      const { quarantined, alarm } = receiveReport(store, caller, {
        ...of,
        digest: sha256Text(JSON.stringify([of.machineName, points])),
        points: () => points.map(reportedPoint),
      });
      if (alarm !== null) warnings.push(alarmWords(alarm));
      return { receipt: receiptOf(store), quarantined, warnings };
    },
  },
  "version.needs": {
    subject: ({ version }) => version,
    handle: ({ store }, _caller, { version: name }) => {
      const version = findVersion(store, name);
      return {
        version: versionName(version),
        needs: needsOf(store, version).map(needFacts),
        refusal: destructionRefusal(store, version),
      };
    },
  },
  "hold.needs": {
    subject: ({ hold }) => hold,
    handle: ({ store }, _caller, { hold }) => {
      const { version, needs, refusal } = needsWithoutHold(store, hold);
      return { version: versionName(version), needs: needs.map(needFacts), refusal };
    },
  },
  "point.needs": {
    subject: ({ machine }) => machine,
    handle: ({ store }, caller, { vault, machine }) => {
      requireReporter(store, caller, vault);
      const points = Map.groupBy(openableVolumes(store, { vault, machine }), ({ point }) => point);
      return {
        points: [...points].map(([point, volumes]) => ({
          point,
          volumes: volumes.map(({ disk, volume, versions }) => ({ disk, volume, versions: [...versions] })),
        })),
      };
    },
  },
  "alarm.list": {
    subject: () => "alarms",
    handle: ({ store }) => ({
      alarms: openAlarms(store).map(({ id, raisedMs, ...alarm }) => ({
        ...alarm,
        alarm: id,
        raisedAt: instantText(raisedMs),
      })),
    }),
  },
  "alarm.acknowledge": {
    subject: ({ alarm }) => alarm,
    audits: true,
    handle: ({ store }, caller, { alarm }) =>
      act(store, caller, { act: "alarm.acknowledge", subject: alarm }, () => {
        acknowledgeAlarm(store, caller, alarm);
        return {};
      }),
  },
};

/** Days on which the key side runs that the quarantine of a vault has left, if it is retired by now. */
function daysLeftOf(store: KeyStore, { retired }: KnownVault): number {
  const today = runningDays(store);
  return quarantineLeft(retired?.day ?? today, today);
}

function reportedPoint({ point, name, capturedAt, expectedUntil, volumes }: ReportedPoint) {
  return { point, name, capturedMs: msOf(capturedAt), expectedUntilMs: msOrNull(expectedUntil), volumes };
}

function alarmWords({ missing, points }: NonNullable<ReceivedReport["alarm"]>): string {
  return `${missing} of ${points} points that the last reports had are missing from this one, or are to go much sooner; they need their key versions as before until a quarantine is over, and the custodians were told`;
}

/**
 * Looks whether the store knows what it knew when it gave receipts: see `freezeWherePutBack`. One that has its name and not its signature is
 * refused, and shows nothing.
 *
 * @returns warnings for whoever reports
 */
function checkReceipts(
  side: KeySide,
  caller: Caller,
  { vault, machine, machineName }: Pick<InputOf<"point.report">, "vault" | "machine" | "machineName">,
  receipts: readonly Receipt[],
): string[] {
  const { store } = side;
  const own = receipts.filter((each) => each.store === store.facts().id);
  const genuine = own.map((each) => verifiedReceipt(store, each)).filter((each) => each !== null);
  freezeWherePutBack(store, genuine, { vault, machineName });
  const warnings: string[] = [];
  if (genuine.length < own.length) {
    const words = "a receipt of this key store that was presented is not signed by it: it is forged, or damaged";
    const what = { act: "point.report", subject: machineName, detail: { vault, machine, receipt: "forged" } };
    auditWithinBudget(side, caller, what, new LockstepError("ARGUMENT_INVALID", words));
    warnings.push(words);
  }
  const { frozen } = store.facts();
  if (frozen !== null && isPutBack(frozen)) {
    warnings.push(`the key store releases and destroys nothing: ${frozen}. A custodian must look: docs/key-side.md`);
  }
  return warnings;
}
