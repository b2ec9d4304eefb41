import type { needsRoutes } from "#api/needs.ts";
import { fromHex } from "#bytes/text.ts";
import { LockstepError } from "#errors/errors.ts";
import { act } from "#keys/act.ts";
import { acknowledgeAlarm, openAlarms } from "#keys/alarms.ts";
import { runningDays } from "#keys/counted-days.ts";
import { destructionRefusal, needsOf } from "#keys/needs.ts";
import { saveReport } from "#keys/point-report.ts";
import { quarantineLeft } from "#keys/quarantine.ts";
import { silentVaults } from "#keys/silent-vaults.ts";
import { thawIfReported } from "#keys/thaw.ts";
import { openableVolumes } from "#keys/usable-versions.ts";
import { enrolVault, loadVault, loadVaults, requireReporter, retireVault } from "#keys/vaults.ts";
import { findVersion, versionName } from "#keys/versions.ts";
import type { Answers } from "#server/handler.ts";
import { instantText, instantTextOrNull, msOf, msOrNull } from "#server/instants.ts";
import { needFacts } from "#server/need-facts.ts";
import { receiptOf } from "#server/receipt.ts";

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
        const { name, points, retired } = retireVault(store, vault);
        thawIfReported(store);
        const today = runningDays(store);
        return { name, points, daysLeft: quarantineLeft(retired?.day ?? today, today) };
      }),
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
    handle: ({ store }, caller, { vault, machine, machineName, points }) => {
      const reported = points.map(({ point, name, capturedAt, expectedUntil, volumes }) => ({
        point,
        name,
        capturedMs: msOf(capturedAt),
        expectedUntilMs: msOrNull(expectedUntil),
        volumes,
      }));
      const detail: Record<string, string | number | boolean> = { vault, machine, points: points.length };
      const outcome = act(store, caller, { act: "point.report", subject: machineName, detail }, () => {
        requireReporter(store, caller, vault);
        const saved = saveReport(store, { vault, machine, machineName, points: reported });
        Object.assign(detail, saved);
        return saved;
      });
      return {
        receipt: receiptOf(store),
        quarantined: outcome.quarantined,
        warnings: outcome.alarmed
          ? [
              `${outcome.quarantinedToday} points are missing from this report that the last ones had; they need their key versions until their quarantine is over, and the custodians were told`,
            ]
          : [],
      };
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
