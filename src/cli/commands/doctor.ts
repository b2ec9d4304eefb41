import type { App } from "#cli/app/app.ts";
import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { circleFacts, hostFacts, keySideFound, ownPlaces, seenVault } from "#cli/shown/doctor-facts.ts";
import { keySideStatus } from "#cli/shown/key-side-status.ts";
import { circleFindings } from "#ops/doctor/doctor-circles.ts";
import { hostFindings } from "#ops/doctor/doctor-host.ts";
import type { Unseen } from "#ops/doctor/doctor-read.ts";
import type { Finding } from "#ops/doctor/doctor.ts";

/** `doctor` */
export const define: Define = (command, run) => {
  command
    .option("--host-only", "do not open the vault: for a user who cannot, such as the key side's")
    .addHelpText(
      "after",
      helpEnd([["lockstep doctor", ""]], ["0 nothing was found", "2 something needs a person: docs/doctor.md"]),
    )
    .action(
      run(async (app: App, { hostOnly = false }: { readonly hostOnly?: boolean }) => {
        const unseen: Unseen = [];
        const places = ownPlaces(app);
        const seen = hostOnly ? null : await seenVault(app, unseen);
        if (hostOnly) unseen.push("the vault and its machines: --host-only");
        // The key side's user has no identity of a backup side.
        const asking = hostOnly ? { ...app, keySide: () => app.keySide("custodian") } : app;
        const isKnown = seen?.machines.logs.some(({ fold }) => fold.receipts.size > 0) ?? false;
        const keySide = await keySideStatus(asking, isKnown);
        const findings = [
          ...(await keySideFound(app, places, keySide, unseen, seen)),
          ...(seen === null ? [] : circleFindings(await circleFacts(app, places, seen, keySide, unseen))),
          ...hostFindings(await hostFacts(app, places, seen, unseen)),
        ];
        say(app, findings, unseen);
        app.output.finish({ healthy: findings.length === 0, findings, notLookedAt: unseen });
        return findings.length === 0 ? exitCodes.done : exitCodes.attention;
      }),
    );
};

function say({ output }: App, findings: readonly Finding[], unseen: Unseen): void {
  for (const { code, what, why, next } of findings)
    output.print(`${what} [${code}]`, `  why: ${why}`, `  do:  ${next}`);
  if (findings.length === 0)
    output.print(unseen.length === 0 ? "Nothing was found." : "Nothing was found in what could be looked at.");
  for (const words of unseen) output.print(`Not looked at: ${words}`);
}
