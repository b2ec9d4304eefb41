/** What `lockstep doctor` may find, and why each matters. docs/doctor.md describes them; a test keeps the two equal. */
export const reasons = {
  KEY_HOST_IN_ITSELF: "to restore that disk takes what lies on it, and whoever restores it gets an old key store",
  VAULT_IN_ITSELF: "each backup backs up the last one, and the copies are lost together with the disk",
  VAULT_KEY_IN_VAULT: "when this host is lost, what opens the vault is inside the vault",
  COPIES_FEW: "one fire, one thief or one mistake takes the key store and all of its copies",
  COPY_FAILED: "what is added to the key store from now on is not there",
  VALUE_DAMAGED: "nothing opens its points with it, and once old copies are gone it is lost",
  KIT_MISSING: "when this host is lost, nothing opens the copies of the key store",
  KIT_WITHOUT_VAULT: "when this host is lost, the kit brings back the key store and not the vault",
  KIT_STALE: "a kit that nobody tried may open nothing on the day that it is needed",
  ONE_CUSTODIAN:
    "no second person is asked before a key is shown or destroyed, and nobody is there when that one is away",
  NOT_ISOLATED: "whoever takes over the backup side has the keys as well",
  KEY_SIDE_UNREACHABLE: "no point is opened, so lights turn amber, and nobody gets a key",
  KEY_STORE_SEALED: "no point is opened, so lights turn amber, and nobody gets a key",
  KEY_STORE_FROZEN: "nothing is released or destroyed until that is ended",
  SECRET_EXPOSED: "whoever reads it is this host to the vault or the key side, or opens the key store",
  FOLDER_EXPOSED: "whoever writes there can put his own files in the place of ours",
  FILE_FOREIGN: "the side whose file it is may not read it, and fails when it has to",
  SPACE_LOW: "a backup that finds no room fails, and a key side that cannot write takes no new key",
  CORE_FILES: "a process that crashes writes the vault's keys and what was typed into a file",
  SWAP_PLAIN: "the system may write the vault's keys and what was typed to that disk, where they stay",
  CLOCK_DOUBTFUL:
    "nothing is removed by date while the clock is in doubt, and its points get no date that can be relied on",
  CLOCK_UNSYNCED: "a clock that drifts makes dates of points and expiries wrong",
} as const;
export type FindingCode = keyof typeof reasons;

/** Something that would keep keys or backups from coming back, or away from those whom they are no business of. */
export type Finding = {
  readonly code: FindingCode;
  readonly what: string;
  /** Why it matters. */
  readonly why: string;
  /** What to do. */
  readonly next: string;
};

export function finding(code: FindingCode, what: string, next: string): Finding {
  return { code, what, why: reasons[code], next };
}
