import type { Define } from "#cli/app/command.ts";

/** A command: what is typed for it, what `--help` says of it, and where it is. */
export type CommandEntry = {
  readonly words: readonly [verb: string] | readonly [noun: string, verb: string] | readonly [string, string, string];
  readonly summary: string;
  /** A configuration that is named need not be there: it makes one, or is started by what does. */
  readonly needsNoConfig?: true;
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
  place: { summary: "places that copies of the key store go to" },
  copy: { summary: "copies of the key store" },
  kit: { summary: "what brings everything back, on paper" },
  keystore: { summary: "the key store as a whole" },
  identity: { summary: "who may ask the key side" },
  approval: { summary: "what waits for a second person" },
  policy: { summary: "settings of the key side" },
  audit: { summary: "what was done and refused on the key side" },
  "keystore unlock": { summary: "what opens the key store" },
  key: { summary: "keys and their versions" },
  alarm: { summary: "recovery points that fell at once" },
  setup: { summary: "Lockstep as a service of this host" },
};

/** The parts of the program's help, in this order, and the first words of the commands in each. */
export const helpParts: Readonly<Record<string, readonly string[]>> = {
  "Back up and restore:": ["init", "protect", "backup", "status", "check", "restore", "prune", "machine", "point"],
  "Look at disks, without any set-up:": ["scan", "disk", "volume"],
  "Keys in step:": ["key", "keystore", "kit", "recover", "place", "copy"],
  "Who may, and what happened:": ["identity", "approval", "policy", "audit", "alarm"],
  "This installation:": ["vault", "store", "config", "setup", "doctor", "report"],
};

/** All commands, in the order of the help of each word. */
export const commandTable: readonly CommandEntry[] = [
  {
    words: ["init"],
    summary: "make a vault, a key store and a kit",
    needsNoConfig: true,
    load: () => import("#cli/commands/init.ts"),
  },
  { words: ["protect"], summary: "put a machine under protection", load: () => import("#cli/commands/protect.ts") },
  { words: ["backup"], summary: "take a recovery point", load: () => import("#cli/commands/backup.ts") },
  { words: ["status"], summary: "what needs attention", load: () => import("#cli/commands/status.ts") },
  {
    words: ["scan"],
    summary: "what is encrypted how, and which secrets open it",
    needsNoConfig: true,
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
    needsNoConfig: true,
    load: () => import("#cli/commands/disk-inspect.ts"),
  },
  {
    words: ["volume", "check"],
    summary: "whether a secret opens it",
    needsNoConfig: true,
    load: () => import("#cli/commands/volume-check.ts"),
  },
  {
    words: ["volume", "decrypt"],
    summary: "write its plaintext to a file",
    needsNoConfig: true,
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
  {
    words: ["keystore", "serve"],
    summary: "be the process that has the key store",
    needsNoConfig: true,
    load: () => import("#cli/commands/keystore-serve.ts"),
  },
  { words: ["key", "add"], summary: "store a version of a key", load: () => import("#cli/commands/key-add.ts") },
  { words: ["key", "list"], summary: "all keys", load: () => import("#cli/commands/key-list.ts") },
  {
    words: ["key", "show"],
    summary: "one key: what it opens, what needs it",
    load: () => import("#cli/commands/key-show.ts"),
  },
  {
    words: ["key", "set"],
    summary: "change whether a version may be used",
    load: () => import("#cli/commands/key-set.ts"),
  },
  { words: ["key", "reveal"], summary: "show a version's value", load: () => import("#cli/commands/key-reveal.ts") },
  {
    words: ["key", "delete"],
    summary: "delete versions, until that is taken back",
    load: () => import("#cli/commands/key-delete.ts"),
  },
  { words: ["key", "recover"], summary: "take that back", load: () => import("#cli/commands/key-recover.ts") },
  { words: ["key", "purge"], summary: "destroy deleted versions", load: () => import("#cli/commands/key-purge.ts") },
  {
    words: ["key", "hold"],
    summary: "hold a version for a tape or another copy",
    load: () => import("#cli/commands/key-hold.ts"),
  },
  { words: ["key", "release"], summary: "end a hold", load: () => import("#cli/commands/key-release.ts") },
  {
    words: ["keystore", "show"],
    summary: "what it is, and what opens it",
    load: () => import("#cli/commands/keystore-show.ts"),
  },
  {
    words: ["keystore", "seal"],
    summary: "forget what opens its values",
    load: () => import("#cli/commands/keystore-seal.ts"),
  },
  { words: ["keystore", "unseal"], summary: "open it", load: () => import("#cli/commands/keystore-unseal.ts") },
  {
    words: ["keystore", "rekey"],
    summary: "roll over its own keys",
    load: () => import("#cli/commands/keystore-rekey.ts"),
  },
  {
    words: ["keystore", "unlock", "add"],
    summary: "add a way in which it opens",
    load: () => import("#cli/commands/keystore-unlock-add.ts"),
  },
  {
    words: ["keystore", "unlock", "remove"],
    summary: "remove one",
    load: () => import("#cli/commands/keystore-unlock-remove.ts"),
  },
  {
    words: ["identity", "add"],
    summary: "let somebody ask the key side",
    load: () => import("#cli/commands/identity-add.ts"),
  },
  { words: ["identity", "list"], summary: "who may ask it", load: () => import("#cli/commands/identity-list.ts") },
  {
    words: ["identity", "revoke"],
    summary: "let him ask no more",
    load: () => import("#cli/commands/identity-revoke.ts"),
  },
  {
    words: ["approval", "list"],
    summary: "what waits for a second person",
    load: () => import("#cli/commands/approval-list.ts"),
  },
  {
    words: ["approval", "show"],
    summary: "the very act that waits",
    load: () => import("#cli/commands/approval-show.ts"),
  },
  {
    words: ["approval", "approve"],
    summary: "let it be done, once",
    load: () => import("#cli/commands/approval-approve.ts"),
  },
  { words: ["approval", "reject"], summary: "refuse it", load: () => import("#cli/commands/approval-reject.ts") },
  { words: ["policy", "show"], summary: "the key side's settings", load: () => import("#cli/commands/policy-show.ts") },
  { words: ["policy", "set"], summary: "change them", load: () => import("#cli/commands/policy-set.ts") },
  { words: ["audit", "list"], summary: "what was done and refused", load: () => import("#cli/commands/audit-list.ts") },
  {
    words: ["audit", "check"],
    summary: "whether the log is whole",
    load: () => import("#cli/commands/audit-check.ts"),
  },
  {
    words: ["key", "heal"],
    summary: "put a damaged value right",
    load: () => import("#cli/commands/key-heal.ts"),
  },
  {
    words: ["audit", "accept"],
    summary: "go on with a key store that was put back",
    load: () => import("#cli/commands/audit-accept.ts"),
  },
  {
    words: ["audit", "export"],
    summary: "write it to a file that anybody can verify",
    load: () => import("#cli/commands/audit-export.ts"),
  },
  {
    words: ["place", "add"],
    summary: "send copies to one more place",
    load: () => import("#cli/commands/place-add.ts"),
  },
  { words: ["place", "list"], summary: "where copies go", load: () => import("#cli/commands/place-list.ts") },
  { words: ["place", "remove"], summary: "send none there", load: () => import("#cli/commands/place-remove.ts") },
  { words: ["copy", "list"], summary: "all copies", load: () => import("#cli/commands/copy-list.ts") },
  { words: ["copy", "make"], summary: "write one now", load: () => import("#cli/commands/copy-make.ts") },
  { words: ["kit", "create"], summary: "make a new one", load: () => import("#cli/commands/kit-create.ts") },
  {
    words: ["kit", "show"],
    summary: "who has it, when it was checked",
    load: () => import("#cli/commands/kit-show.ts"),
  },
  { words: ["kit", "check"], summary: "whether it opens all", load: () => import("#cli/commands/kit-check.ts") },
  {
    words: ["recover"],
    summary: "bring the key store back from a copy",
    needsNoConfig: true,
    load: () => import("#cli/commands/recover.ts"),
  },
  {
    words: ["key", "import"],
    summary: "store a list of keys, and bind them to what they open",
    load: () => import("#cli/commands/key-import.ts"),
  },
  {
    words: ["key", "bind"],
    summary: "say which volume a version opens",
    load: () => import("#cli/commands/key-bind.ts"),
  },
  {
    words: ["key", "match"],
    summary: "look for the version that opens a volume",
    load: () => import("#cli/commands/key-match.ts"),
  },
  {
    words: ["key", "find"],
    summary: "keys by a key ID, a UUID, a machine",
    load: () => import("#cli/commands/key-find.ts"),
  },
  {
    words: ["key", "unbind"],
    summary: "say that a live volume has a protector no more",
    load: () => import("#cli/commands/key-unbind.ts"),
  },
  {
    words: ["key", "rollover"],
    summary: "replace what opens a live volume",
    load: () => import("#cli/commands/key-rollover.ts"),
  },
  {
    words: ["key", "compromise"],
    summary: "note that others may know a version",
    load: () => import("#cli/commands/key-compromise.ts"),
  },
  {
    words: ["key", "needed-by"],
    summary: "what needs a version",
    load: () => import("#cli/commands/key-needed-by.ts"),
  },
  {
    words: ["vault", "enrol"],
    summary: "make it known to the key store",
    load: () => import("#cli/commands/vault-enrol.ts"),
  },
  {
    words: ["vault", "list"],
    summary: "those that the key store knows",
    load: () => import("#cli/commands/vault-list.ts"),
  },
  {
    words: ["vault", "retire"],
    summary: "say that one is gone for good",
    load: () => import("#cli/commands/vault-retire.ts"),
  },
  {
    words: ["alarm", "list"],
    summary: "where many points fell at once",
    load: () => import("#cli/commands/alarm-list.ts"),
  },
  {
    words: ["alarm", "acknowledge"],
    summary: "say that this is known",
    load: () => import("#cli/commands/alarm-acknowledge.ts"),
  },
  {
    words: ["setup", "system"],
    summary: "two users, and two services",
    needsNoConfig: true,
    load: () => import("#cli/commands/setup-system.ts"),
  },
  {
    words: ["doctor"],
    summary: "what would keep keys or backups from coming back",
    load: () => import("#cli/commands/doctor.ts"),
  },
  {
    words: ["report"],
    summary: "which key opens each point, and when that was shown",
    load: () => import("#cli/commands/report.ts"),
  },
  {
    words: ["keystore", "init"],
    summary: "make one for a vault that has none, and a kit",
    load: () => import("#cli/commands/keystore-init.ts"),
  },
];
