import type { Define } from "#cli/command.ts";

/** A command: what is typed for it, what `--help` says of it, and where it is. */
export type CommandEntry = {
  readonly words: readonly [verb: string] | readonly [noun: string, verb: string] | readonly [string, string, string];
  readonly summary: string;
  /** It makes the configuration where that is not there. */
  readonly makesConfig?: true;
  /** Only the command that is asked for is loaded, so that each starts quickly. */
  readonly load: () => Promise<{ readonly define: Define }>;
};

/** Words that only group commands. */
export const nouns: Readonly<Record<string, { readonly summary: string; readonly alias?: string }>> = {
  config: { summary: "the configuration" },
  machine: { summary: "what is protected, and how" },
  point: { summary: "recovery points", alias: "recoverypoint" },
  vault: { summary: "the vault as a whole" },
  "vault unlock": { summary: "what opens the vault" },
  store: { summary: "places that a vault can be in" },
  disk: { summary: "what is on a disk" },
  volume: { summary: "encrypted volumes" },
};

/** All commands, in the order of the help. */
export const commandTable: readonly CommandEntry[] = [
  { words: ["init"], summary: "make a vault", makesConfig: true, load: () => import("#cli/commands/init.ts") },
  { words: ["protect"], summary: "put a machine under protection", load: () => import("#cli/commands/protect.ts") },
  { words: ["backup"], summary: "take a recovery point", load: () => import("#cli/commands/backup.ts") },
  { words: ["status"], summary: "what needs attention", load: () => import("#cli/commands/status.ts") },
  {
    words: ["scan"],
    summary: "what is encrypted how, and which secrets open it",
    load: () => import("#cli/commands/scan.ts"),
  },
  { words: ["machine", "list"], summary: "all machines", load: () => import("#cli/commands/machine-list.ts") },
  { words: ["machine", "show"], summary: "one machine", load: () => import("#cli/commands/machine-show.ts") },
  { words: ["machine", "set"], summary: "change a machine", load: () => import("#cli/commands/machine-set.ts") },
  {
    words: ["machine", "rename"],
    summary: "give it another name",
    load: () => import("#cli/commands/machine-rename.ts"),
  },
  {
    words: ["machine", "unprotect"],
    summary: "back it up no longer",
    load: () => import("#cli/commands/machine-unprotect.ts"),
  },
  { words: ["check"], summary: "whether points can be given back", load: () => import("#cli/commands/check.ts") },
  { words: ["restore"], summary: "write a point's disks back", load: () => import("#cli/commands/restore.ts") },
  { words: ["prune"], summary: "free what no point needs", load: () => import("#cli/commands/prune.ts") },
  { words: ["point", "list"], summary: "all recovery points", load: () => import("#cli/commands/point-list.ts") },
  { words: ["point", "show"], summary: "one recovery point", load: () => import("#cli/commands/point-show.ts") },
  { words: ["point", "diff"], summary: "what changed between two", load: () => import("#cli/commands/point-diff.ts") },
  { words: ["point", "delete"], summary: "delete points", load: () => import("#cli/commands/point-delete.ts") },
  { words: ["point", "undelete"], summary: "take that back", load: () => import("#cli/commands/point-undelete.ts") },
  {
    words: ["point", "header"],
    summary: "a stored encryption header",
    load: () => import("#cli/commands/point-header.ts"),
  },
  { words: ["vault", "show"], summary: "what the vault is", load: () => import("#cli/commands/vault-show.ts") },
  {
    words: ["vault", "check"],
    summary: "keyring, roster and logs",
    load: () => import("#cli/commands/vault-check.ts"),
  },
  {
    words: ["vault", "rekey"],
    summary: "seal all with the newest data key",
    load: () => import("#cli/commands/vault-rekey.ts"),
  },
  {
    words: ["vault", "unlock", "add"],
    summary: "add an unlock way",
    load: () => import("#cli/commands/vault-unlock-add.ts"),
  },
  {
    words: ["vault", "unlock", "list"],
    summary: "all unlock ways",
    load: () => import("#cli/commands/vault-unlock-list.ts"),
  },
  {
    words: ["vault", "unlock", "remove"],
    summary: "remove an unlock way",
    load: () => import("#cli/commands/vault-unlock-remove.ts"),
  },
  {
    words: ["disk", "inspect"],
    summary: "its partitions and volumes",
    load: () => import("#cli/commands/disk-inspect.ts"),
  },
  {
    words: ["volume", "check"],
    summary: "whether a secret opens it",
    load: () => import("#cli/commands/volume-check.ts"),
  },
  {
    words: ["volume", "decrypt"],
    summary: "write its plaintext to a file",
    load: () => import("#cli/commands/volume-decrypt.ts"),
  },
  {
    words: ["volume", "header-restore"],
    summary: "put a stored header back",
    load: () => import("#cli/commands/volume-header-restore.ts"),
  },
  {
    words: ["store", "check"],
    summary: "whether a place keeps a store's promises",
    load: () => import("#cli/commands/store-check.ts"),
  },
  {
    words: ["config", "show"],
    summary: "every setting and its origin",
    load: () => import("#cli/commands/config-show.ts"),
  },
];
