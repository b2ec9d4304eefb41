/** What kind of failure a code is. Exit codes and HTTP statuses follow from the kind, at the edges only. */
export type Kind =
  "invalid" | "denied" | "missing" | "conflict" | "corrupt" | "unsupported" | "unavailable" | "cancelled";

/** Every failure Lockstep means to have. docs/errors.md describes each; a test keeps the two equal. */
export const codes = {
  // what was asked
  ARGUMENT_INVALID: "invalid",
  CONFIG_INVALID: "invalid",
  FILE_MISSING: "missing",
  FILE_DENIED: "denied",
  PASSPHRASE_FILE_INVALID: "invalid",
  NAME_UNKNOWN: "missing",
  NAME_AMBIGUOUS: "conflict",
  NAME_TAKEN: "conflict",
  WAITS_FOR_PERSON: "conflict",
  ROOT_NEEDED: "denied",
  CANCELLED: "cancelled",
  // bytes
  FIELD_CORRUPT: "corrupt",
  SYSTEM_CALL_FAILED: "unavailable",
  // stores
  STORE_MISSING: "missing",
  STORE_UNAVAILABLE: "unavailable",
  STORE_FULL: "unavailable",
  STORE_DENIED: "denied",
  STORE_BROKEN: "unsupported",
  OBJECT_CONFLICT: "conflict",
  OBJECT_TOO_LARGE: "corrupt",
  // vaults
  VAULT_MISSING: "missing",
  VAULT_EXISTS: "conflict",
  VAULT_NEWER: "unsupported",
  VAULT_CORRUPT: "corrupt",
  OBJECT_MISSING: "corrupt",
  OBJECT_CORRUPT: "corrupt",
  PASSPHRASE_REJECTED: "denied",
  KEY_FILE_REJECTED: "denied",
  KEY_FILE_INVALID: "invalid",
  UNLOCK_TOO_COSTLY: "denied",
  UNLOCK_NONE: "denied",
  UNLOCK_LAST: "conflict",
  KEYRING_FORGED: "corrupt",
  KEYRING_ROLLED_BACK: "corrupt",
  LOG_CORRUPT: "corrupt",
  LOG_ROLLED_BACK: "corrupt",
  SESSION_FENCED: "conflict",
  MACHINE_BUSY: "conflict",
  POINT_GONE: "missing",
  POINT_IN_USE: "conflict",
  BLOCK_DAMAGED: "corrupt",
  CLOCK_DOUBTFUL: "conflict",
  // disks
  DISK_MISSING: "missing",
  DISK_DENIED: "denied",
  DISK_UNSUPPORTED: "unsupported",
  DISK_CHANGED: "conflict",
  DISK_IN_USE: "conflict",
  DISK_UNREADABLE: "unavailable",
  SNAPSHOT_UNSUPPORTED: "unsupported",
  RANGES_INVALID: "invalid",
  RANGES_WRONG_BASE: "conflict",
  RANGES_UNTRUE: "conflict",
  TARGET_MISSING: "missing",
  TARGET_DENIED: "denied",
  TARGET_UNSUPPORTED: "unsupported",
  TARGET_UNWRITABLE: "unavailable",
  TARGET_EXISTS: "conflict",
  TARGET_IN_USE: "conflict",
  TARGET_TOO_SMALL: "invalid",
  TARGET_FULL: "unavailable",
  // volumes
  HEADER_CORRUPT: "corrupt",
  VOLUME_MISSING: "missing",
  VOLUME_UNSUPPORTED: "unsupported",
  HEADER_MISMATCH: "conflict",
  SECRET_INVALID: "invalid",
  SECRET_REJECTED: "denied",
  KDF_TOO_COSTLY: "denied",
  KDF_FAILED: "unavailable",
  KEY_LIST_INVALID: "invalid",
  KEYSLOTS_FULL: "conflict",
  CRYPTSETUP_FAILED: "unavailable",
  // the key side
  KEY_STORE_MISSING: "missing",
  KEY_STORE_EXISTS: "conflict",
  KEY_STORE_BUSY: "conflict",
  KEY_STORE_NEWER: "unsupported",
  KEY_STORE_CORRUPT: "corrupt",
  KEY_STORE_OTHER: "conflict",
  KEY_STORE_SEALED: "unavailable",
  KEY_STORE_REJECTED: "denied",
  KEY_STORE_FROZEN: "conflict",
  KEY_SIDE_UNREACHABLE: "unavailable",
  IDENTITY_REJECTED: "denied",
  NOT_ALLOWED: "denied",
  APPROVAL_NEEDED: "conflict",
  CUSTODIAN_LAST: "conflict",
  RATE_LIMITED: "unavailable",
  VERSION_NEEDED: "conflict",
  VERSION_NOT_DELETED: "conflict",
  VERSION_UNUSABLE: "conflict",
  NOT_BOUND: "conflict",
  AUDIT_BROKEN: "corrupt",
  COPY_REJECTED: "corrupt",
  COPY_NOT_DURABLE: "unavailable",
  KIT_INVALID: "invalid",
  KIT_NOT_TRIED: "unavailable",
  KIT_REJECTED: "denied",
  NOT_GREEN: "conflict",
} as const satisfies Record<string, Kind>;

export type ErrorCode = keyof typeof codes;

/** A failure the caller can act on. Anything else thrown is a bug. */
export class LockstepError extends Error {
  override readonly name = "LockstepError";
  readonly code: ErrorCode;
  /** What to do next, in one sentence; undefined where the message says it. */
  readonly hint: string | undefined;

  /** @param message  what was being done, to what, and why it failed */
  constructor(code: ErrorCode, message: string, more: { hint?: string | undefined; cause?: unknown } = {}) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.code = code;
    this.hint = more.hint;
  }

  get kind(): Kind {
    return codes[this.code];
  }
}

/** True when `error` is a LockstepError with one of the codes. */
export function isLockstepError(error: unknown, ...wanted: readonly ErrorCode[]): error is LockstepError {
  return error instanceof LockstepError && (wanted.length === 0 || wanted.includes(error.code));
}

/** The message of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Anything thrown as an Error: itself where it is one. */
export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error), { cause: error });
}
