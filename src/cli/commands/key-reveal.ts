import { resolve } from "node:path";

import { Secret } from "#bytes/secret.ts";
import { fromBase64, fromUtf8 } from "#bytes/text.ts";
import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { createFile } from "#cli/files/durable-file.ts";
import { refuseUnmakable } from "#cli/files/new-file.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import type { Output } from "#cli/output/output.ts";
import { parseReason } from "#cli/program/options.ts";
import { exactVersion } from "#cli/steps/exact-versions.ts";
import { targetFailure } from "#disk/target-failure.ts";
import { LockstepError } from "#errors/errors.ts";
import { visibleText } from "#volume/source/visible-text.ts";

type Options = { readonly reason: string; readonly to?: string };

/** `key reveal VERSION --reason TEXT` */
export const define: Define = (command, run) => {
  command
    .argument("<version>", "such as web01/v1; or a key with one version in use")
    .requiredOption("--reason <text>", "why; the audit log keeps it", parseReason)
    .option("--to <file>", "a new file for the value, for this user alone; without it, a terminal shows it")
    .addHelpText(
      "after",
      helpEnd(
        [
          ["lockstep key reveal web01/v1 --reason 'console login after the fire'", ""],
          ["lockstep key reveal dc01/v2 --reason 'ticket 4711' --to dc01.BEK", ""],
        ],
        ["0 revealed", "75 it waits for another custodian, or cannot be used now"],
      ),
    )
    .action(
      run(async ({ output, signal, keySide, host }, text: string, { reason, to }: Options) => {
        const path = to === undefined ? null : resolve(host.workingFolder, to);
        await refuseTarget(output, path);
        const client = await keySide("custodian");
        const exact = await exactVersion(client, text, signal);
        const { version, value } = await client.call("key.reveal", { version: exact, reason }, signal);
        using secret = new Secret(fromBase64(value) ?? new Uint8Array(0));
        if (path === null) output.print(printable(secret, version.name));
        else {
          await writeValue(path, secret);
          output.print(`${version.name}: its value is in ${path}, which this user alone may read.`);
        }
        output.finish({ version, path });
        return exitCodes.done;
      }),
    );
};

/** Before anything is asked for: what was revealed is in the audit log, seen or not. */
async function refuseTarget(output: Output, path: string | null): Promise<void> {
  if (path === null) {
    if (output.isTerminal) return;
    throw new LockstepError("ARGUMENT_INVALID", "revealing a value: standard output is no terminal", {
      hint: "Name a new file for it with --to.",
    });
  }
  await refuseUnmakable("revealing a value", path);
}

function printable({ bytes }: Secret, name: string): string {
  try {
    const text = fromUtf8(bytes);
    if (visibleText(text) === text) return text;
  } catch {
    // not text
  }
  throw new LockstepError("ARGUMENT_INVALID", `revealing ${name}: a terminal cannot show it as it is`, {
    hint: "Name a new file for it with --to.",
  });
}

async function writeValue(path: string, { bytes }: Secret): Promise<void> {
  try {
    await createFile(path, bytes, 0o600);
  } catch (error) {
    throw targetFailure(`writing ${path}`, error);
  }
}
