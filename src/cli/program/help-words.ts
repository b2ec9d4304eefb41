import { commandTable, nouns } from "#cli/program/command-table.ts";

/** What the words of a command line name, as far as they lead. */
export type Named = {
  /** The command's or the group's words, then one that neither has, if `kind` is "unknown". */
  readonly path: readonly string[];
  readonly kind: "command" | "group" | "unknown";
  /** `help` stands before or among them. */
  readonly asksHelp: boolean;
};

/** Options of the program itself that take a value. */
const valued: ReadonlySet<string> = new Set(["--config", "--vault", "--passphrase-file", "--key-file"]);

const commands: ReadonlySet<string> = new Set(commandTable.map(({ words }) => words.join(" ")));
const groups: ReadonlySet<string> = new Set(
  commandTable.flatMap(({ words }) => words.slice(0, -1).map((_, at) => words.slice(0, at + 1).join(" "))),
);
const aliases: ReadonlyMap<string, string> = new Map(
  Object.entries(nouns).flatMap(([noun, { alias }]) => (alias === undefined ? [] : [[alias, noun] as const])),
);

/** Finds the command that a command line names. */
export function namedBy(words: readonly string[]): Named {
  const path: string[] = [];
  let asksHelp = false;
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? "";
    if (valued.has(word)) at++;
    if (word.startsWith("-")) continue;
    if (word === "help") {
      asksHelp = true;
      continue;
    }
    path.push(path.length === 0 ? (aliases.get(word) ?? word) : word);
    const name = path.join(" ");
    if (commands.has(name)) return { path, kind: "command", asksHelp };
    if (!groups.has(name)) return { path, kind: "unknown", asksHelp };
  }
  return { path, kind: "group", asksHelp };
}

/**
 * A command line with `help` before or among a command's words as the one that is parsed: `help backup` is `backup --help`, and `key help
 * import` is `key import --help`. Behind a command, `help` is an argument like others. One that asks for help on what does not exist
 * becomes one that does not exist, and is refused; it would get the help of something else.
 */
export function withoutHelp(words: readonly string[]): readonly string[] {
  const { path, kind, asksHelp } = namedBy(words);
  const asks = asksHelp || words.includes("--help") || words.includes("-h");
  if (!asks) return words;
  if (kind === "unknown") return words.includes("--json") ? [...path, "--json"] : path;
  return asksHelp ? [...path, "--help"] : words;
}

/** What other backup programs call otherwise, and verbs of so many nouns that the likely ones are enough. */
const elsewhere: Readonly<Record<string, readonly string[]>> = {
  create: ["backup"],
  extract: ["restore"],
  forget: ["prune", "point delete"],
  info: ["vault show", "machine show"],
  list: ["machine list", "point list"],
  ls: ["machine list", "point list"],
  show: ["machine show", "point show", "vault show"],
  snapshots: ["point list"],
  verify: ["check"],
};

/** The hint for a command that there is none of: those of which it is the verb, or what others call so; null where it is neither. */
export function whatIsMeant(words: readonly string[]): string | null {
  const { path, kind } = namedBy(words);
  const meant = kind === "unknown" ? meantBy(path) : [];
  return meant.length === 0 ? null : `Did you mean ${meant.join(", ")}?`;
}

function meantBy(path: readonly string[]): readonly string[] {
  const word = path.at(-1) ?? "";
  if (path.length > 1) return word === "ls" && commands.has([...path.slice(0, -1), "list"].join(" ")) ? ["list"] : [];
  return (
    elsewhere[word] ?? commandTable.filter(({ words }) => words.at(-1) === word).map(({ words }) => words.join(" "))
  );
}

/** The hint for a command line that is wrong: where its command is described. */
export function seeHelp(words: readonly string[]): string {
  const { path, kind } = namedBy(words);
  if (kind === "command") return `\`lockstep ${path.join(" ")} --help\` says how it is used, with examples.`;
  const group = kind === "unknown" ? path.slice(0, -1) : path;
  return `\`${["lockstep", ...group].join(" ")} --help\` lists the commands; \`lockstep COMMAND --help\` says how one is used.`;
}
