import { spawn } from "node:child_process";
import { access, readFile, rm } from "node:fs/promises";
import { join } from "node:path";

import { Secret } from "#bytes/secret.ts";
import type { HostSeal } from "#cli/app/app.ts";
import { isSystemError } from "#cli/files/key-files.ts";
import { LockstepError, messageOf } from "#errors/errors.ts";
import { systemWords } from "#errors/system-words.ts";
import type { KeyPaths } from "#main/wiring/key-paths.ts";

/** The name of the credential: as it was sealed, and as systemd hands it to the service (systemd.exec(5), LoadCredentialEncrypted=). */
const NAME = "lockstep-key-store";

/** By its path: a key side that a command starts has no PATH. */
const PROGRAM = "/usr/bin/systemd-creds";

/** Where the credential lies that this host alone can open. */
export function hostCredentialPath({ folder }: Pick<KeyPaths, "folder">): string {
  return join(folder, `${NAME}.cred`);
}

/** Whether this host can keep a credential, by its TPM or by a key of its own: tries it, since not every user and file system can. */
export async function canKeepCredentials(): Promise<boolean> {
  try {
    await run(["encrypt", `--name=${NAME}`, "--with-key=auto", "-", "-"], Uint8Array.of(0), "sealing to this host");
    return true;
  } catch {
    return false;
  }
}

/** The TPM, as the kernel shares it among processes. */
const TPM = "/dev/tpmrm0";

/**
 * The first 16 bytes of a credential that a TPM seals together with the host's key: by the TPM's state alone, or by a signed one too.
 *
 * @see systemd, src/shared/creds-util.h
 */
const tpmKinds = ["93a894094874449090caf2fc93cab553", "ef4ac13679a9480ea7db68897f9f165d"];

/**
 * Seals a secret to this host: to its TPM, where it has one that works, and to its own key (systemd-creds(1)).
 *
 * The TPM is asked for by name. Left to itself, systemd passes over one that the firmware did not announce, as a BIOS does not, and says nothing.
 *
 * @param path  a file that is not there
 * @returns     what sealed it
 * @throws {LockstepError} KEY_FILE_INVALID: the host cannot do it, in systemd's words
 */
export async function sealToHost(path: string, secret: Secret): Promise<HostSeal> {
  const seal = async (key: string): Promise<Secret> =>
    run(["encrypt", `--name=${NAME}`, `--with-key=${key}`, "-", path], secret.bytes, `sealing ${path} to this host`);
  try {
    await access(TPM);
    await seal("host+tpm2");
  } catch {
    await rm(path, { force: true });
    await seal("auto");
  }
  return sealedBy(await readFile(path, "latin1"));
}

/** What sealed a credential. @param text  its file, base64 */
export function sealedBy(text: string): HostSeal {
  const kind = Buffer.from(text.slice(0, 24), "base64").subarray(0, 16).toString("hex");
  return tpmKinds.includes(kind) ? "tpm" : "host";
}

/**
 * The secret that this host keeps: as systemd hands it to the service; else the sealed file beside the database, opened.
 *
 * @param handed  the folder in which systemd puts a service's credentials; null: this is none
 * @returns       null where there is none
 * @throws {LockstepError} KEY_FILE_INVALID: it cannot be read or opened here: it is another host's, or this user may not
 */
export async function readHostCredential(
  handed: string | null,
  paths: Pick<KeyPaths, "folder">,
): Promise<Secret | null> {
  if (handed !== null) {
    const given = await readOrNull(join(handed, NAME));
    if (given !== null) return given;
  }
  const path = hostCredentialPath(paths);
  if ((await readOrNull(path)) === null) return null;
  return run(["decrypt", `--name=${NAME}`, path, "-"], new Uint8Array(), `opening ${path}`);
}

async function readOrNull(path: string): Promise<Secret | null> {
  try {
    return new Secret(new Uint8Array(await readFile(path)));
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return null;
    throw new LockstepError("KEY_FILE_INVALID", `reading the credential ${path} failed: ${systemWords(error)}`, {
      hint: "Another unlock way opens the key store as well.",
      cause: error,
    });
  }
}

/** Runs systemd-creds. @returns what it printed */
async function run(words: readonly string[], input: Uint8Array, doing: string): Promise<Secret> {
  const { promise, resolve, reject } = Promise.withResolvers<Secret>();
  const failed = (why: string): LockstepError =>
    new LockstepError("KEY_FILE_INVALID", `${doing} failed: ${why}`, {
      hint: "systemd-creds(1) says what a host needs for it. Another unlock way opens the key store as well.",
    });
  const child = spawn(PROGRAM, words, { stdio: ["pipe", "pipe", "pipe"], env: {} });
  const said: Buffer[] = [];
  let complaint = "";
  child.stdout.on("data", (piece: Buffer) => said.push(piece));
  child.stderr.setEncoding("utf8").on("data", (piece: string) => (complaint += piece));
  child.once("error", (error) => reject(failed(messageOf(error))));
  child.stdin.on("error", () => undefined); // it ended before it read: its status says why
  child.stdin.end(input);
  child.once("close", (status) => {
    if (status !== 0) return reject(failed(complaint.trim() || `status ${status}`));
    const output = new Secret(new Uint8Array(Buffer.concat(said)));
    for (const piece of said) piece.fill(0);
    resolve(output);
  });
  return promise;
}
