import { createReadStream } from "node:fs";
import { resolve } from "node:path";
import { arrayBuffer } from "node:stream/consumers";

import type { Command } from "commander";

import { Secret } from "#bytes/secret.ts";
import type { App } from "#cli/app/app.ts";
import { readFailure } from "#cli/files/read-failure.ts";
import { parseSize } from "#cli/output/units.ts";
import { LockstepError } from "#errors/errors.ts";
import type { OpenVolumeRequest } from "#ops/volumes/open-volume.ts";
import { defaultCostLimit } from "#volume/header/kdf-cost.ts";
import type { CostLimit } from "#volume/header/kdf.ts";
import type { VolumeSecret } from "#volume/header/volume-secret.ts";

/** The most that trying a secret may cost. */
export type CostFlags = { readonly maxMemory?: number; readonly maxSeconds?: number };

/** Declares `--max-memory` and `--max-seconds`. */
export function costOptions(command: Command): Command {
  return command
    .option("--max-memory <size>", "the most memory that trying a secret may take", parseSize)
    .option("--max-seconds <n>", "the most time that trying a secret may take, as estimated", parseSeconds);
}

/** @throws {LockstepError} ARGUMENT_INVALID */
export function parseSeconds(text: string): number {
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text);
  throw new LockstepError("ARGUMENT_INVALID", `"${text}" is not a number of seconds`);
}

export function costLimit({ maxMemory, maxSeconds }: CostFlags): CostLimit {
  return {
    memoryKiB: maxMemory === undefined ? defaultCostLimit.memoryKiB : Math.ceil(maxMemory / 1024),
    seconds: maxSeconds ?? defaultCostLimit.seconds,
  };
}

/** Where a volume's secret comes from; one of them, or none for a volume with a clear key. */
export type SecretFlags = {
  readonly passphraseFile?: string;
  readonly keyFile?: string;
  readonly recoveryPasswordFile?: string;
  readonly startupKey?: string;
};

/** A file longer than this holds no secret of a volume: cryptsetup's limit for key files. */
const LIMIT_BYTES = 8 * 1024 * 1024;

/**
 * Declares where a volume's secret comes from. Two of the options have the names of those that open a vault; here they are
 * for the volume.
 */
export function secretOptions(command: Command): Command {
  return command
    .option("--passphrase-file <file>", "a LUKS passphrase or BitLocker password, in the file's first line")
    .option("--key-file <file>", "a LUKS key file")
    .option("--recovery-password-file <file>", "a BitLocker recovery password: eight groups of six digits")
    .option("--startup-key <file>", "a BitLocker startup key (.BEK)");
}

/**
 * Reads the secret that was named. Whoever gets it wipes it.
 *
 * @throws {LockstepError} ARGUMENT_INVALID: more than one was named; FILE_MISSING; FILE_DENIED; SECRET_INVALID: the
 *   file holds none
 */
export async function readSecret(
  { host, flags: everywhere }: Pick<App, "host" | "flags">,
  flags: SecretFlags,
): Promise<VolumeSecret> {
  // The parser gives options that all commands have to the program, not to the command that declares them too.
  const { passphraseFile, keyFile, recoveryPasswordFile, startupKey } = { ...everywhere, ...flags };
  const given = Object.entries({ passphraseFile, keyFile, recoveryPasswordFile, startupKey }).flatMap(
    ([option, file]) => (file === undefined ? [] : [{ option, file }]),
  );
  const [one, another] = given;
  if (another !== undefined) throw new LockstepError("ARGUMENT_INVALID", "several secrets were given; one is tried");
  if (one === undefined) return { kind: "none" };
  const bytes = await readSecretFile(resolve(host.workingFolder, one.file), one.file);
  switch (one.option) {
    case "passphraseFile":
      return { kind: "passphrase", secret: new Secret(firstLine(bytes)) };
    case "recoveryPasswordFile":
      return { kind: "recovery-password", secret: new Secret(recoveryPassword(bytes, one.file)) };
    case "keyFile":
      return { kind: "key-file", secret: new Secret(bytes) };
    default:
      return { kind: "startup-key", secret: new Secret(bytes) };
  }
}

async function readSecretFile(path: string, shown: string): Promise<Uint8Array> {
  try {
    // No further than that, for a device or pipe may have no end.
    const bytes = await arrayBuffer(createReadStream(path, { end: LIMIT_BYTES }));
    if (bytes.byteLength > LIMIT_BYTES) throw new Error(`it is longer than ${LIMIT_BYTES} bytes`);
    return new Uint8Array(bytes);
  } catch (error) {
    throw readFailure(`reading the secret in ${shown}`, "SECRET_INVALID", error);
  }
}

/** Up to the end of the first line; that end is no part of a passphrase, blanks are. */
function firstLine(bytes: Uint8Array): Uint8Array {
  const newline = bytes.indexOf(0x0a);
  const end = newline < 0 ? bytes.length : newline;
  const line = bytes.slice(0, end > 0 && bytes[end - 1] === 0x0d ? end - 1 : end);
  bytes.fill(0);
  return line;
}

/** Eight groups of six digits, with what people and word processors put between them, or nothing. */
const RECOVERY_PASSWORD = /(?<!\d)\d{6}(?:[ \t\r\n\u00a0\u2010-\u2015\u2212-]*\d{6}){7}(?!\d)/;

/** The recovery password in a text, such as the file that Windows saves: UTF-8 or UTF-16. */
function recoveryPassword(bytes: Uint8Array, shown: string): Uint8Array {
  const isWide = bytes[0] === 0xff && bytes[1] === 0xfe;
  const text = new TextDecoder(isWide ? "utf-16le" : "utf-8").decode(bytes);
  bytes.fill(0);
  const found = RECOVERY_PASSWORD.exec(text)?.[0];
  if (found !== undefined) return new TextEncoder().encode(found);
  throw new LockstepError("SECRET_INVALID", `${shown} has no recovery password in it: eight groups of six digits`);
}

/** Options of commands that open a volume. */
export type VolumeFlags = SecretFlags &
  CostFlags & { readonly volume?: string; readonly header?: string; readonly protector?: string };

/** Declares the options that say which volume to open, and with what. */
export function volumeOptions(command: Command): Command {
  command
    .option("--volume <name>", "a partition's number, or disk; the only encrypted one where it is left out")
    .option("--header <file>", "a header that is kept apart from the volume")
    .option("--protector <id>", "try this protector only: keyslot 1, or the key ID that Windows shows");
  return costOptions(secretOptions(command));
}

/** @throws {LockstepError} what `readSecret` throws */
export async function readVolumeRequest(
  app: Pick<App, "host" | "flags">,
  path: string,
  flags: VolumeFlags,
): Promise<OpenVolumeRequest> {
  const { volume = null, header, protector = null } = flags;
  return {
    path,
    volume,
    headerPath: header === undefined ? null : resolve(app.host.workingFolder, header),
    secret: await readSecret(app, flags),
    only: protector,
    limit: costLimit(flags),
  };
}

export function wipeSecret(secret: VolumeSecret): void {
  if (secret.kind !== "none") secret.secret.wipe();
}
