/** Where the two sides of a system-wide installation live, and as whom. docs/system.md */
export const layout = {
  backupUser: "lockstep",
  keysUser: "lockstep-keys",
  /** What the two have in common: the key side's socket, and the vault's part for copies of the key store. */
  linkGroup: "lockstep-link",
  /** Home and state of the backup side. */
  backupHome: "/var/lib/lockstep",
  /** Home and state of the key side, and the key store. */
  keysHome: "/var/lib/lockstep-keys",
  /** The folder of the socket, in `/run`. */
  runtime: "lockstep-keys",
  config: "/etc/lockstep/config.toml",
  units: "/etc/systemd/system",
} as const;

/** What the configuration must say of the key side, as `[keys]` has it. */
export const keySettings = {
  folder: layout.keysHome,
  socket: `/run/${layout.runtime}/socket`,
  "key-file": `${layout.keysHome}/key-store.key`,
} as const;

/** The units, by the names of their templates in `system/`. */
export const unitNames = ["lockstep-keys.service", "lockstep-backup.service", "lockstep-backup.timer"] as const;
export type UnitName = (typeof unitNames)[number];

/** A new configuration of the two sides. @param vault  null: none is named yet */
export function newConfig(vault: string | null): string {
  const named = vault === null ? '# vault = "/backup/vault"' : `vault = ${JSON.stringify(vault)}`; // TOML escapes alike
  const keys = Object.entries(keySettings).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
  return [
    "# Lockstep on this host, for both of its sides: docs/configuration.md",
    named,
    "",
    "[keys]",
    ...keys,
    "",
  ].join("\n");
}
