import process from "node:process";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";

import type { App } from "#cli/app/app.ts";
import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import type { Config } from "#cli/app/settings.ts";
import { folderOf } from "#cli/files/place.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { applyStep, stepText } from "#cli/setup/apply-step.ts";
import { LockstepError } from "#errors/errors.ts";
import { hasCredential, readSetup } from "#ops/setup/setup-found.ts";
import { keySettings, layout } from "#ops/setup/setup-layout.ts";
import { planSetup } from "#ops/setup/setup-plan.ts";
import type { SetupStep, SetupWish } from "#ops/setup/setup-plan.ts";
import { readUnitTemplates, unitText } from "#ops/setup/setup-units.ts";

const program = fileURLToPath(new URL("../../../bin/lockstep", import.meta.url));

type Options = { readonly dryRun?: boolean; readonly place: readonly string[] };

/** `setup system` */
export const define: Define = (command, run) => {
  command
    .option("--dry-run", "only say what would be done")
    .option("--place <folder>", "a folder that copies of the key store go to, beside the vault; several times", add, [])
    .addHelpText(
      "after",
      helpEnd(
        [
          ["lockstep setup system --dry-run --vault /backup/vault", "what it would do"],
          ["lockstep setup system --vault /backup/vault", "users, folders, configuration, services"],
          ["lockstep setup system", "again after `lockstep init`: gives what root made to the two users"],
        ],
        ["0 done, or nothing was to be done", "77 it takes root"],
      ),
    )
    .action(
      run(async (app: App, { dryRun = false, place }: Options) => {
        const { output, config, host } = app;
        if (!dryRun) refuseOthers();
        const vault = config.vault.value === null ? null : folderOf(config.vault.value);
        const places = place.map((folder) => resolve(host.workingFolder, folderOf(folder)));
        const found = await readSetup(vault);
        refuseOtherConfig(config, found.hasConfig);
        const steps = planSetup(found, { vault, units: await wantedUnits(vault, places) });
        if (steps.length === 0) output.print("All is set up; nothing was to be done.");
        for (const step of steps) {
          output.print(`${stepText(step.act)}    # ${step.why}`);
          if (!dryRun) await applyStep(step);
        }
        if (!found.systemdRuns) {
          output.print("systemd does not run here: the units are written, and nothing starts them.");
        }
        output.finish({ dryRun, steps: steps.map(shownStep) });
        return exitCodes.done;
      }),
    );
};

function add(folder: string, before: readonly string[]): readonly string[] {
  return [...before, folder];
}

async function wantedUnits(vault: string | null, places: readonly string[]): Promise<SetupWish["units"]> {
  const facts = { program, vault, places, hasCredential: await hasCredential() };
  return new Map([...(await readUnitTemplates())].map(([name, template]) => [name, unitText(template, facts)]));
}

function shownStep({ why, act }: SetupStep): object {
  return { why, run: act.kind === "run" ? act.words : null, file: act.kind === "write" ? act.path : null };
}

function refuseOthers(): void {
  if (process.geteuid?.() === 0) return;
  throw new LockstepError("ROOT_NEEDED", "setting up users and services: this user is not root", {
    hint: "Run it with sudo; --dry-run shows what it would do, and needs nobody's rights.",
  });
}

/** A configuration that is there is a person's, and is not changed; it must fit, though. */
function refuseOtherConfig({ config, keysFolder, keysSocket, keysKeyFile }: Config, isThere: boolean): void {
  if (config.from !== "default" && config.value !== layout.config) {
    throw new LockstepError("ARGUMENT_INVALID", `setting up the system by ${config.value}: it is by ${layout.config}`, {
      hint: "Leave --config and LOCKSTEP_CONFIG away.",
    });
  }
  if (!isThere || config.value !== layout.config) return;
  const says = { folder: keysFolder.value, socket: keysSocket.value, "key-file": keysKeyFile.value };
  const names = Object.keys(says) as (keyof typeof says)[];
  const wanted = names.filter((name) => says[name] !== keySettings[name]);
  if (wanted.length === 0) return;
  throw new LockstepError("CONFIG_INVALID", `setting up the system: ${config.value} has the key side elsewhere`, {
    hint: `Under [keys], let it say ${wanted.map((name) => `${name} = "${keySettings[name]}"`).join(", ")}. docs/system.md`,
  });
}
