import { formatKeep } from "#policy/keep.ts";
import type { KeepRule } from "#policy/keep.ts";

/** Where a setting came from. */
export type Origin = "flag" | "environment" | "file" | "default";

export type Setting<Value> = { readonly value: Value; readonly from: Origin };

/** When tree nodes of a vault are kept on this host; "auto": when the vault lies on a network file system. */
export const nodeCaching = ["auto", "always", "never"] as const;
export type NodeCaching = (typeof nodeCaching)[number];

/** All that holds for a command, and where each of it came from. Paths are absolute. docs/configuration.md */
export type Config = {
  /** The configuration file. It must exist unless it is the default one. */
  readonly config: Setting<string>;
  /** The folder in which this host remembers things, key files of its own among them. */
  readonly state: Setting<string>;
  readonly cache: Setting<string>;
  /** A folder, or a URL as it was written; null when nothing names a vault. */
  readonly vault: Setting<string | null>;
  readonly passphraseFile: Setting<string | null>;
  /** Folders in which every disk should be protected. */
  readonly watch: Setting<readonly string[]>;
  readonly checkpointMinutes: Setting<number>;
  readonly checkpointGib: Setting<number>;
  readonly lanes: Setting<number>;
  readonly cacheNodes: Setting<NodeCaching>;
  readonly cacheLimitGib: Setting<number>;
  /** The folder of the key store's database. */
  readonly keysFolder: Setting<string>;
  /** The UNIX socket at which the key side answers. */
  readonly keysSocket: Setting<string>;
  /** A file that opens the key store without a person, where the store was made so. */
  readonly keysKeyFile: Setting<string>;
  /** How long a key side that a command started outlives the last request. */
  readonly keysIdleMinutes: Setting<number>;
  /** What a machine gets that is protected without saying it otherwise. */
  readonly keep: Setting<KeepRule>;
  readonly everyHours: Setting<number>;
  readonly timeZone: Setting<string>;
};

export type ShownSetting = {
  /** As it is written in the file, with its table, or what it is called in docs/configuration.md. */
  readonly key: string;
  readonly value: string | number | readonly string[] | null;
  readonly from: Origin;
};

/** What `config show` shows: every setting with its value and origin, in the order of docs/configuration.md. */
export function showConfig(config: Config): readonly ShownSetting[] {
  const { keep } = config;
  return [
    { key: "config", ...config.config },
    { key: "state", ...config.state },
    { key: "cache", ...config.cache },
    { key: "passphrase-file", ...config.passphraseFile },
    { key: "vault", ...config.vault },
    { key: "watch", ...config.watch },
    { key: "backup.checkpoint-minutes", ...config.checkpointMinutes },
    { key: "backup.checkpoint-gib", ...config.checkpointGib },
    { key: "backup.lanes", ...config.lanes },
    { key: "cache.nodes", ...config.cacheNodes },
    { key: "cache.limit-gib", ...config.cacheLimitGib },
    { key: "keys.folder", ...config.keysFolder },
    { key: "keys.socket", ...config.keysSocket },
    { key: "keys.key-file", ...config.keysKeyFile },
    { key: "keys.idle-minutes", ...config.keysIdleMinutes },
    { key: "defaults.keep", value: formatKeep(keep.value), from: keep.from },
    { key: "defaults.every-hours", ...config.everyHours },
    { key: "defaults.time-zone", ...config.timeZone },
  ];
}
