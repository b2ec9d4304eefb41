import { finding } from "#ops/doctor/doctor.ts";
import type { Finding } from "#ops/doctor/doctor.ts";

/** One of Lockstep's files or folders, and its owner and mode. */
export type OwnFile = {
  readonly path: string;
  readonly kind: "secret" | "folder";
  /** Permissions, as chmod(1) takes them. */
  readonly mode: number;
  readonly uid: number;
  /** Who should have it: the owner of the state folder that it is in; null where that does not matter. */
  readonly ownerUid: number | null;
};

/** Room on the file system of a folder. */
export type Room = {
  readonly what: string;
  readonly path: string;
  readonly freeBytes: number;
  readonly wantedBytes: number;
};

/** What a host is like. */
export type HostFacts = {
  readonly files: readonly OwnFile[];
  readonly room: readonly Room[];
  /** The size that a core file of this process may have, as the kernel prints it; "0": none is written. */
  readonly coreLimit: string;
  readonly swaps: readonly { readonly name: string; readonly isEncrypted: boolean }[];
  /** What logs of machines say of this clock: doubt, in words. */
  readonly clockDoubts: readonly { readonly machine: string; readonly doubt: string }[];
  /** Whether the clock is kept right by others; null: it cannot be told. */
  readonly isSynchronised: boolean | null;
};

const readableByOthers = 0o077;
const writableByOthers = 0o022;

/** What of a host is not as it should be. */
export function hostFindings(facts: HostFacts): readonly Finding[] {
  return [
    ...facts.files.flatMap(fileFindings),
    ...facts.room.flatMap(roomFindings),
    ...memoryFindings(facts),
    ...clockFindings(facts),
  ];
}

function fileFindings({ path, kind, mode, uid, ownerUid }: OwnFile): Finding[] {
  const found: Finding[] = [];
  const permissions = mode.toString(8).padStart(4, "0");
  if (kind === "secret" && (mode & readableByOthers) !== 0) {
    found.push(finding("SECRET_EXPOSED", `${path} is open to others: its mode is ${permissions}`, `chmod 600 ${path}`));
  }
  if (kind === "folder" && (mode & writableByOthers) !== 0) {
    found.push(
      finding("FOLDER_EXPOSED", `others may write in ${path}: its mode is ${permissions}`, `chmod go-w ${path}`),
    );
  }
  if (ownerUid !== null && uid !== ownerUid) {
    const what = `${path} belongs to user ${uid}, and its folder to user ${ownerUid}`;
    found.push(finding("FILE_FOREIGN", what, "`lockstep setup system` gives it back; or use chown."));
  }
  return found;
}

function roomFindings({ what, path, freeBytes, wantedBytes }: Room): Finding[] {
  if (freeBytes >= wantedBytes) return [];
  const mib = (bytes: number): string => `${Math.floor(bytes / 2 ** 20)} MiB`;
  const words = `${what} ${path} has ${mib(freeBytes)} free, and should have ${mib(wantedBytes)}`;
  return [finding("SPACE_LOW", words, "Make room: `lockstep prune` frees what no point needs.")];
}

function memoryFindings({ coreLimit, swaps }: HostFacts): Finding[] {
  const found: Finding[] = [];
  if (coreLimit !== "0") {
    const what = `core files are written here: up to ${coreLimit === "unlimited" ? "any size" : `${coreLimit} bytes`}`;
    found.push(
      finding("CORE_FILES", what, "`ulimit -c 0`, or a limit in /etc/security/limits.conf; our units have one."),
    );
  }
  for (const { name } of swaps.filter(({ isEncrypted }) => !isEncrypted)) {
    found.push(
      finding("SWAP_PLAIN", `swap on ${name} is not encrypted`, "Encrypt it (crypttab(5), `swap`), or swapoff."),
    );
  }
  return found;
}

function clockFindings({ clockDoubts, isSynchronised }: HostFacts): Finding[] {
  const found = clockDoubts.map(({ machine, doubt }) =>
    finding("CLOCK_DOUBTFUL", `by the log of ${machine}, ${doubt}`, "Set the clock; if it is right, take a backup."),
  );
  if (isSynchronised === false) {
    const next = "Look at `timedatectl` for why it is not.";
    found.push(finding("CLOCK_UNSYNCED", "the clock is not synchronised with a time server", next));
  }
  return found;
}
