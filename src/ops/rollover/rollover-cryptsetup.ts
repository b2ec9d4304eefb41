import { spawn } from "node:child_process";
import { Buffer } from "node:buffer";
import { buffer } from "node:stream/consumers";

import type { Secret } from "#bytes/secret.ts";
import { LockstepError, messageOf } from "#errors/errors.ts";

/**
 * A generated secret has 256 random bits: trying them all is out of reach, however cheap a try is, so there is nothing for a costly
 * derivation to make up for. PBKDF2 is what LUKS1 and every reader of LUKS2 knows (GRUB's knows no Argon2), and 1,000 rounds are the least
 * that cryptsetup takes.
 */
const cheapestKdf = ["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"];

/**
 * Adds a keyslot. cryptsetup refuses where it is in use, or where `existing` opens none.
 *
 * Both secrets go to it by standard input: they are in no argument, variable or file. It is not stopped half-way: it takes as long as
 * one try of `existing`.
 *
 * @param device  a block device or image file that is a LUKS volume from its first byte on
 * @throws {LockstepError} SECRET_REJECTED: `existing` opens no keyslot; CRYPTSETUP_FAILED
 */
export async function addKeyslot(
  device: string,
  slot: number,
  { existing, added }: { readonly existing: Secret; readonly added: Secret },
): Promise<void> {
  const input = Buffer.concat([existing.bytes, added.bytes]);
  const sizes = ["--key-file", "-", "--keyfile-size", String(existing.bytes.length)];
  await cryptsetup(["luksAddKey", ...sizes, "--new-key-slot", String(slot), ...cheapestKdf, device, "-"], input);
}

/**
 * Removes a keyslot by its number. cryptsetup itself refuses unless `remaining` opens another one at that moment.
 *
 * @throws {LockstepError} as `addKeyslot`
 */
export async function removeKeyslot(device: string, slot: number, remaining: Secret): Promise<void> {
  await cryptsetup(["luksKillSlot", "--key-file", "-", device, String(slot)], Buffer.from(remaining.bytes));
}

/** What cryptsetup exits with (cryptsetup(8)): the passphrase opens nothing. */
const NO_PERMISSION = 2;

/** Runs it without a terminal, in words that do not depend on whose host this is. @param input  wiped */
async function cryptsetup(words: readonly string[], input: Uint8Array): Promise<void> {
  const child = spawn("cryptsetup", ["--batch-mode", ...words], {
    env: { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" },
    stdio: ["pipe", "ignore", "pipe"],
    // A session of its own: Ctrl-C at the terminal must not stop it in the middle of a header.
    detached: true,
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  child.stdin.on("error", () => undefined); // it ended before it read all, and its status says why
  child.stdin.end(input, () => input.fill(0));
  const [status, said] = await Promise.all([ended, buffer(child.stderr)]).catch((error: unknown) => {
    throw new LockstepError("CRYPTSETUP_FAILED", `starting cryptsetup failed: ${messageOf(error)}`, {
      hint: "Install cryptsetup 2.6 or later, or do the steps by hand: --executor steps.",
      cause: error,
    });
  });
  if (status === 0) return;
  const [action] = words;
  const silence = `it ended with status ${status} and said nothing, as where the file system that holds an image is full`;
  const found = `cryptsetup ${action}: ${said.toString().trim() || silence}`;
  throw new LockstepError(status === NO_PERMISSION ? "SECRET_REJECTED" : "CRYPTSETUP_FAILED", found, {
    hint: "Nothing was lost: run the same command again, which looks at the header first.",
  });
}
