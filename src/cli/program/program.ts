import { Command, CommanderError } from "commander";

import type { App, GlobalFlags } from "#cli/app/app.ts";
import type { Action, Run } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import type { ExitCode } from "#cli/output/exit-codes.ts";
import { Output } from "#cli/output/output.ts";
import type { OutputStream } from "#cli/output/output.ts";
import { commandTable, helpParts, nouns } from "#cli/program/command-table.ts";
import type { CommandEntry } from "#cli/program/command-table.ts";
import { seeHelp, whatIsMeant, withoutHelp } from "#cli/program/help-words.ts";
import { LockstepError } from "#errors/errors.ts";

const FIRST_STEPS = `
First steps:
  lockstep scan /var/lib/libvirt/images    what is encrypted there; changes nothing
  lockstep init /backup/vault              makes a vault, a key store and a kit on paper
  lockstep protect web01 --disk /var/lib/libvirt/images/web01.raw
  lockstep backup web01
  lockstep status                          what needs a person, if anything does

"lockstep COMMAND --help" says how a command is used, with examples.`;

/** What the program runs in. */
export type Surroundings = {
  readonly version: string;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  /** Builds what a command works with. Not called for `--help` and `--version`. */
  readonly openApp: (output: Output, flags: GlobalFlags, entry: CommandEntry) => Promise<App & AsyncDisposable>;
};

/**
 * Runs one command line to its end, and says what went wrong.
 *
 * @param words  without the program's name
 * @returns      the status to exit with
 */
export async function runProgram(words: readonly string[], surroundings: Surroundings): Promise<ExitCode> {
  const { stdout, stderr } = surroundings;
  let status: ExitCode = exitCodes.done;
  const said: string[] = [];
  const run = (entry: CommandEntry): Run => {
    return <Given extends readonly unknown[]>(action: Action<Given>) =>
      async (...given: unknown[]) => {
        const command = given.at(-1) as Command; // commander passes what was declared, and then the command
        const declared = given.slice(0, -1) as unknown as Given;
        const flags = command.optsWithGlobals<GlobalFlags>();
        const output = outputFor(entry.words.join(" "), flags, surroundings);
        const openApp = (): Promise<App & AsyncDisposable> => surroundings.openApp(output, flags, entry);
        status = await runAction(output, openApp, (app) => action(app, ...declared));
      };
  };
  const program = declare(run, surroundings.version, {
    writeOut: (text) => void stdout.write(text),
    writeErr: (text) => void said.push(text),
  });
  try {
    await program.parseAsync(withoutHelp(words), { from: "user" });
    return status;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return exitCodes.done;
    if (error instanceof CommanderError && error.code === noCommand && !words.includes("--json")) {
      stderr.write(said.join(""));
      return exitCodes.invalid;
    }
    const output = outputFor("", words.includes("--json") ? { json: true } : {}, surroundings);
    const failed = output.fail(error instanceof CommanderError ? usageError(error, words) : error);
    await output.close();
    return failed;
  }
}

/** Runs a command's action; whatever is thrown is said, and gives the status. */
async function runAction(
  output: Output,
  openApp: () => Promise<App & AsyncDisposable>,
  action: (app: App) => Promise<ExitCode>,
): Promise<ExitCode> {
  let status: ExitCode;
  try {
    await using app = await openApp();
    status = await action(app);
  } catch (error) {
    status = output.fail(error);
  }
  try {
    await output.close();
  } catch (error) {
    status = output.fail(error);
  }
  return status;
}

function outputFor(command: string, flags: GlobalFlags, { stdout, stderr }: Surroundings): Output {
  return new Output({ command, json: flags.json === true, quiet: flags.quiet === true, stdout, stderr });
}

function declare(
  run: (entry: CommandEntry) => Run,
  version: string,
  say: { readonly writeOut: (text: string) => void; readonly writeErr: (text: string) => void },
): Command {
  const program = new Command("lockstep")
    .description("Backs up disks that are encrypted inside the guest, and never decrypts them.")
    .version(version, "--version", "say which version this is")
    .helpOption("-h, --help", "say how a command is used")
    .helpCommand(false)
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ ...say, outputError: () => undefined })
    .exitOverride()
    .option("--json", "print one JSON document instead of text: docs/json.md")
    .option("--quiet", "no progress and no notes; results, warnings and errors stay")
    .option("--config <file>", "the configuration file: docs/configuration.md")
    .option("--vault <place>", "the vault, before LOCKSTEP_VAULT and the configuration")
    .option("--passphrase-file <file>", "a file with the vault's passphrase")
    .option("--key-file <file>", "a key file of the vault");
  const groups = new Map<string, Command>([["", program]]);
  const entries = new Map<Command, CommandEntry>();
  const loadFirst = async (_: Command, command: Command): Promise<void> => {
    const entry = entries.get(command);
    if (entry !== undefined) (await entry.load()).define(command, run(entry));
  };
  const groupOf = (words: readonly string[]): Command => {
    const name = words.join(" ");
    const known = groups.get(name);
    if (known !== undefined) return known;
    const { summary, alias } = nouns[name] ?? { summary: "" };
    const group = groupOf(words.slice(0, -1))
      .command(words.at(-1) ?? "")
      .description(summary)
      .helpCommand(false); // its own would show a command that is not loaded yet
    if (alias !== undefined) group.alias(alias);
    groups.set(name, group.hook("preSubcommand", loadFirst));
    return group;
  };
  program.hook("preSubcommand", loadFirst);
  const order = Object.values(helpParts).flat();
  const placeOf = ({ words }: CommandEntry): number => order.indexOf(words[0]);
  for (const entry of commandTable.toSorted((one, other) => placeOf(one) - placeOf(other))) {
    const { words, summary } = entry;
    entries.set(
      groupOf(words.slice(0, -1))
        .command(words.at(-1) ?? "")
        .description(summary),
      entry,
    );
  }
  for (const [heading, words] of Object.entries(helpParts)) {
    for (const word of words) program.commands.find((command) => command.name() === word)?.helpGroup(heading);
  }
  program.addHelpText("after", FIRST_STEPS);
  return program;
}

/** Commander's code where a command line ends before it names a command; what it would say is the help. */
const noCommand = "commander.help";

/** Commander's complaint about a command line as one of ours; what it suggests is the hint. */
function usageError(error: CommanderError, words: readonly string[]): LockstepError {
  if (error.code === noCommand) {
    return new LockstepError("ARGUMENT_INVALID", "the command line names no command", { hint: seeHelp(words) });
  }
  const [first = "", ...more] = error.message.replace(/^error: /, "").split("\n");
  const suggestion = more.join(" ").replace(/^\((.*)\)$/, "$1") || seeHelp(words);
  const meant = error.code === "commander.unknownCommand" ? whatIsMeant(words) : null;
  return new LockstepError("ARGUMENT_INVALID", first, { hint: meant ?? suggestion });
}
