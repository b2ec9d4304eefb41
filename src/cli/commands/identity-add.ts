import { resolve } from "node:path";

import type { App } from "#cli/app/app.ts";
import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { refuseTokenFile, writeTokenFile } from "#cli/files/token-file.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { parseWhen } from "#cli/output/when.ts";
import { identityLines, tokenUseLines } from "#cli/shown/shown-identity.ts";
import { LockstepError } from "#errors/errors.ts";

const roles = ["custodian", "auditor", "backup", "machine"] as const;
type Role = (typeof roles)[number];

type Options = { readonly role: Role; readonly expires?: string; readonly to?: string; readonly thisHost?: true };

/** `identity add NAME --role ROLE` */
export const define: Define = (command, run) => {
  command
    .argument("<name>", "such as alice, or backup@host2")
    .requiredOption("--role <role>", `what it may do: ${roles.join(", ")}; docs/key-roles.md`, parseRole)
    .option("--expires <when>", "a day or an instant from which its token counts no more", parseWhen)
    .option("--to <file>", "a new file for its token, for this user alone; without it, a terminal shows it")
    .option("--this-host", "keep its token as this host's own of that role")
    .addHelpText(
      "after",
      helpEnd(
        [
          ["lockstep identity add alice --role custodian --to alice.token", ""],
          ["lockstep identity add audit2027 --role auditor --expires 2028-01-01 --this-host", ""],
        ],
        ["0 added", "75 it waits for another custodian, or there is one of that name"],
      ),
    )
    .action(
      run(async (app, name: string, options: Options) => {
        const { output, signal, keySide } = app;
        const { role, expires } = options;
        const path = tokenFileOf(app, options);
        await refuseTokenFile(output, path);
        const client = await keySide("custodian");
        const { identity, token } = await client.call(
          "identity.add",
          { name, role, expiresAt: expires ?? null },
          signal,
        );
        if (path !== null) await writeTokenFile(path, token);
        output.print(...identityLines(identity));
        if (path === null) output.print(`Its token, which is shown this once: ${token}`);
        else output.print(`Its token is in ${path}, which this user alone may read.`);
        if (options.thisHost === true) output.print("This host asks with it from now on.");
        else output.print(...tokenUseLines(identity, { tokenFile: path, socket: app.config.keysSocket.value }));
        output.finish({ identity, tokenFile: path });
        return exitCodes.done;
      }),
    );
};

/** @throws {LockstepError} ARGUMENT_INVALID */
function tokenFileOf({ host, hostTokenPath }: App, { role, to, thisHost }: Options): string | null {
  if (thisHost !== true) return to === undefined ? null : resolve(host.workingFolder, to);
  if (to !== undefined) {
    throw new LockstepError("ARGUMENT_INVALID", "adding an identity: --to and --this-host exclude each other");
  }
  if (role === "machine") {
    throw new LockstepError(
      "ARGUMENT_INVALID",
      "adding an identity: this host asks as no machine, so keep the token by --to",
    );
  }
  return hostTokenPath(role);
}

function parseRole(text: string): Role {
  const role = roles.find((each) => each === text);
  if (role !== undefined) return role;
  throw new LockstepError("ARGUMENT_INVALID", `"${text}" is not a role`, { hint: `The roles: ${roles.join(", ")}.` });
}
