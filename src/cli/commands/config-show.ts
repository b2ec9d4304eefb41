import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { showConfig } from "#cli/app/settings.ts";
import type { Origin } from "#cli/app/settings.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { formatTable } from "#cli/output/table.ts";

const origins: Readonly<Record<Origin, string>> = {
  flag: "an option",
  environment: "the environment",
  file: "the file",
  default: "default",
};

/** `config show` */
export const define: Define = (command, run) => {
  command
    .addHelpText(
      "after",
      helpEnd(
        [
          ["lockstep config show", ""],
          ["lockstep config show --json", ""],
        ],
        ["0 shown"],
      ),
    )
    .action(
      run(async ({ config, output }) => {
        const settings = showConfig(config);
        const rows = settings.map(({ key, value, from }) => [key, inWords(value), origins[from]]);
        output.print(...formatTable([{ title: "SETTING" }, { title: "VALUE" }, { title: "FROM" }], rows));
        output.finish({ settings });
        return exitCodes.done;
      }),
    );
};

function inWords(value: string | number | readonly string[] | null): string {
  if (value === null) return "-";
  if (typeof value === "object") return value.length === 0 ? "-" : value.join(", ");
  return String(value);
}
