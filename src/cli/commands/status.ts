import type { RolloverFacts } from "#api/rollover.ts";
import type { App } from "#cli/app/app.ts";
import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import type { ExitCode } from "#cli/output/exit-codes.ts";
import { formatTable } from "#cli/output/table.ts";
import { formatBytes } from "#cli/output/units.ts";
import { counted } from "#cli/shown/checked.ts";
import { keySideNeeds, keySideStatus } from "#cli/shown/key-side-status.ts";
import type { KeySideStatus } from "#cli/shown/key-side-status.ts";
import { lightName } from "#cli/shown/light-words.ts";
import { shownLight } from "#cli/shown/shown-light.ts";
import { shownPoint } from "#cli/shown/shown-point.ts";
import { keySideWork } from "#cli/steps/key-side-work.ts";
import { machineHealth } from "#ops/health/machine-health.ts";
import type { HealthTerms, MachineHealth } from "#ops/health/machine-health.ts";
import { missingDisks } from "#ops/health/missing-disks.ts";
import type { Unprotected, findUnprotected } from "#ops/health/unprotected-disks.ts";
import { namesOfPoints } from "#ops/points/find-point.ts";
import { listPoints } from "#ops/points/points.ts";
import { formatDuration } from "#policy/duration.ts";
import type { PointState } from "#vault/fold/fold.ts";
import type { Log } from "#vault/log/log.ts";

/** How long a backup may give no sign, at the least: checkpoints can be far apart on a slow disk. */
const stalledAtLeastMs = 3_600_000;

/** `status` */
export const define: Define = (command, run) => {
  command
    .addHelpText(
      "after",
      helpEnd(
        [
          ["lockstep status", ""],
          ["lockstep status --json", "for a monitor: docs/json.md"],
        ],
        ["0 all is well", "2 something needs a person"],
      ),
    )
    .action(
      run(async (app) => {
        const { output, config, host, now, signal } = app;
        const vault = await app.openVault();
        const { logs, faults } = await vault.machines();
        const stalledAfterMs = Math.max(stalledAtLeastMs, config.checkpointMinutes.value * 3 * 60_000);
        const isKnown = logs.some(({ fold }) => fold.receipts.size > 0);
        const keySide = await keySideStatus(app, isKnown);
        const isolated = await isIsolated(app, keySide);
        const terms = { now: now(), stalledAfterMs, hasKeySide: keySide.state !== "none" };
        const work = await keySideWork(app, keySide, vault, logs);
        const looked = logs.map(async (log): Promise<Looked> => {
          const health = machineHealth(log.fold, terms);
          const gone = await missingDisks(log.fold, host.name);
          const waiting = work.ofMachines.get(log.machine) ?? [];
          return { log, health: { ...health, needs: [...gone, ...health.needs, ...waiting] } };
        });
        const machines = await Promise.all(looked);
        const definitions = logs.map(({ fold }) => fold.machine);
        const unprotected = await unprotectedIn(config.watch.value, definitions, host.name, signal);

        if (machines.length > 0) sayMachines(app, machines);
        else if (faults.length === 0) output.print("No machine is protected yet: `lockstep protect NAME --disk PATH`");
        for (const { machine, name, error } of faults) {
          output.print(`${name ?? machine}: its log cannot be read: ${error.message} [${error.code}]`);
        }
        sayUnprotected(app, unprotected);
        const keyNeeds = [...keySideNeeds(keySide), ...work.needs];
        if (keySide.state === "none") sayNoKeySide(app, machines);
        else sayKeySide(app, keySide, keyNeeds, isolated);
        for (const { log, health } of machines) warnOfLost(app, log, health);
        const found = { machines, unprotected, keyNeeds, faults: faults.length, readOnly: vault.readOnlyReason };
        const needs = statusNeeds(found);
        output.finish({
          needsPerson: needs === exitCodes.attention,
          vault: { id: vault.keyring.vault.id, place: vault.place, readOnlyReason: vault.readOnlyReason },
          keySide: { ...shownKeySide(keySide, keyNeeds), rollovers: work.rollovers.map(shownRollover), isolated },
          machines: machines.map(({ log, health }) => shownHealth(log, health, terms)),
          unread: faults.map(({ machine, name, error: { code, message } }) => ({ machine, name, code, message })),
          unprotected: unprotected.disks,
          skipped: unprotected.skipped,
        });
        return needs;
      }),
    );
};

/** `findUnprotected`, loaded only where folders are watched: most of what this command would load is for it. */
async function unprotectedIn(...given: Parameters<typeof findUnprotected>): Promise<Unprotected> {
  if (given[0].length === 0) return { disks: [], skipped: [] };
  const { findUnprotected } = await import("#ops/health/unprotected-disks.ts");
  return findUnprotected(...given);
}

type Looked = { readonly log: Log; readonly health: MachineHealth };

function statusNeeds(found: {
  readonly machines: readonly Looked[];
  readonly unprotected: Unprotected;
  readonly keyNeeds: readonly string[];
  readonly faults: number;
  readonly readOnly: string | null;
}): ExitCode {
  const isWell =
    found.machines.every(({ health }) => health.needs.length === 0) &&
    found.unprotected.disks.length === 0 &&
    found.unprotected.skipped.length === 0 &&
    found.keyNeeds.length === 0 &&
    found.faults === 0 &&
    found.readOnly === null;
  return isWell ? exitCodes.done : exitCodes.attention;
}

function sayMachines({ output, now }: App, machines: readonly Looked[]): void {
  const rows = machines.map(({ log, health }) => [
    log.fold.machine.name,
    health.lastPoint === null ? "-" : lastPointWords(log, health.lastPoint, now()),
    health.lastPoint?.consistency ?? "-",
    String(health.points),
    health.light === null ? "-" : lightName(health.light.light),
    health.versions.join(", ") || "-",
    health.versions.length === 0 ? "-" : (expectedUntil(log, now()) ?? "always"),
    log.fold.machine.protected ? health.needs.map(({ words }) => words).join("; ") || "-" : "not protected any longer",
  ]);
  const columns = [
    { title: "MACHINE" },
    { title: "LAST POINT" },
    { title: "CONSISTENCY" },
    { title: "POINTS", align: "right" },
    { title: "LIGHT" },
    { title: "NEEDS" },
    { title: "EXPECTED UNTIL" },
    { title: "ATTENTION" },
  ] as const;
  output.print(...formatTable(columns, rows));
  const todo = machines.flatMap(({ log: { fold }, health: { needs } }) => {
    return [...new Set(needs.map(({ hint }) => hint))].map((hint) => `  ${fold.machine.name}: ${hint}`);
  });
  if (todo.length > 0) output.print("", "What to do:", ...todo);
}

/** The day until which a machine's points, and so the keys that they need, are expected to stay; null where one stays for good. */
function expectedUntil(log: Log, now: Temporal.Instant): string | null {
  const { timeZone } = log.fold.machine;
  const all = [...listPoints(log, "live", now), ...listPoints(log, "deleted", now)];
  let last: Temporal.PlainDate | null = null;
  for (const { fate } of all) {
    if (fate.until === "always") return null;
    const day = fate.kind === "kept" ? fate.until : fate.until.toZonedDateTimeISO(timeZone).toPlainDate();
    if (last === null || Temporal.PlainDate.compare(day, last) > 0) last = day;
  }
  return last?.toString() ?? null;
}

/** A light that was lost is an alert of its own, for whoever watches warnings. */
function warnOfLost({ output }: App, { fold }: Log, { needs }: MachineHealth): void {
  for (const { kind, words } of needs) {
    if (kind === "light-lost") output.warn({ code: "LIGHT_LOST", message: `${fold.machine.name}: ${words}` });
  }
}

/** Whether key side and backup side are different users; null where that cannot be told. */
async function isIsolated(app: App, keySide: KeySideStatus): Promise<boolean | null> {
  if (keySide.facts === null) return null;
  const { keySideFound, ownPlaces } = await import("#cli/shown/doctor-facts.ts"); // only where there is a key side
  const findings = await keySideFound(app, ownPlaces(app), keySide, []);
  return findings.every(({ code }) => code !== "NOT_ISOLATED");
}

/** Not having one is a choice; that what is encrypted cannot be shown to open then is said all the same. */
function sayNoKeySide({ output }: App, machines: readonly Looked[]): void {
  const isTried = ({ health: { light } }: Looked): boolean => {
    return light?.reasons.every(({ code }) => code !== "NOT_TRIED") ?? true;
  };
  if (machines.every(isTried)) return;
  output.print(
    "",
    "Key side: none, so nothing shows that a key opens what is encrypted: `lockstep keystore init` makes one.",
  );
}

function sayKeySide(
  { output }: App,
  { state, facts }: KeySideStatus,
  needs: readonly string[],
  isolated: boolean | null,
): void {
  const held =
    facts === null
      ? ""
      : `: ${counted(facts.store.versions, "key version")}, copies in ${counted(facts.copies.places.length, "place")}`;
  const apart = isolated === false ? ", not isolated" : "";
  output.print("", `Key side: ${state}${apart}${held}`);
  for (const words of needs) output.print(`  ${words}`);
}

function shownRollover({ id, oldVersion, newVersion, step, executor, begunAt }: RolloverFacts): object {
  return { id, oldVersion, newVersion, step, executor, begunAt };
}

function shownKeySide({ state, why, facts }: KeySideStatus, needs: readonly string[]): object {
  const { id = null, versions = null, frozen = null } = facts?.store ?? {};
  const copies = facts === null ? null : { domains: facts.copies.domains, places: facts.copies.places.length };
  return { state, why, id, versions, frozen, copies, kit: facts?.kit ?? null, needs };
}

/** When the point was taken, as clocks where the machine is told of it, and how long ago that is. */
function lastPointWords({ fold }: Log, { capturedAt }: PointState, now: Temporal.Instant): string {
  const at = Temporal.Instant.from(capturedAt);
  const local = at.toZonedDateTimeISO(fold.machine.timeZone).toPlainDateTime().toString({ smallestUnit: "minute" });
  return `${local} (${formatDuration(now.epochMilliseconds - at.epochMilliseconds)} ago)`;
}

function sayUnprotected({ output }: App, { disks, skipped }: Unprotected): void {
  if (disks.length > 0)
    output.print("", "In the watched folders, and not protected: `lockstep protect NAME --disk PATH`");
  const rows = disks.map(({ path, format, sizeBytes }) => ["", path, formatBytes(sizeBytes), format]);
  output.print(...formatTable([{}, {}, { align: "right" }, {}], rows));
  if (skipped.length > 0) output.print("", "Watched (`watch` in the configuration), and not looked at:");
  for (const words of skipped) output.print(`  ${words}`);
}

function shownHealth(
  log: Log,
  { lastPoint, points, light, versions, needs }: MachineHealth,
  { now }: HealthTerms,
): object {
  const { name, protected: isProtected } = log.fold.machine;
  const shown =
    lastPoint === null ? null : shownPoint(lastPoint, namesOfPoints(log).get(lastPoint.point) ?? lastPoint.point);
  return {
    id: log.machine,
    name,
    protected: isProtected,
    lastPoint: shown,
    points,
    light: light === null ? null : shownLight(light),
    versions,
    expectedUntil: expectedUntil(log, now),
    needs,
  };
}
