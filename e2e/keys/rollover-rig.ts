import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

import { base64, fromBase64, fromUtf8, utf8 } from "#bytes/text.ts";
import type { KeyClient } from "#client/key-client.ts";
import { openDisk } from "#disk/open.ts";
import type { RolloverDeps, RolloverVolume } from "#ops/rollover/rollover.ts";
import { readLiveHeader } from "#ops/volumes/live-header.ts";
import { volumeSource } from "#ops/volumes/volume-source.ts";
import { testKeySide } from "#testing/keys/key-side.ts";
import type { TestKeySide } from "#testing/keys/key-side.ts";
import { inspect } from "#volume/inspect.ts";

const { signal } = new AbortController();

export const oldSecret = "the old secret";

const passphrase = { kind: "passphrase", value: utf8(oldSecret) } as const;

export type Luks = "luks1" | "luks2";

/** Runs a program. @returns its standard output */
export function run(program: string, args: readonly string[], input = ""): string {
  const { status, stdout, stderr } = spawnSync(program, args, { input, encoding: "utf8" });
  if (status === 0) return stdout;
  throw new Error(`${program} ${args.join(" ")}: status ${status}: ${stderr}`);
}

const cheap = ["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"];

/** Makes a LUKS volume that the old secret opens by keyslot 0. */
export function format(device: string, type: Luks, more: readonly string[] = []): void {
  run("cryptsetup", ["luksFormat", "-q", "--type", type, ...cheap, ...more, "--key-file", "-", device], oldSecret);
}

/** Adds somebody else's keyslot. */
export function addSlot(device: string, secret: string, slot: number): void {
  const size = ["--key-file", "-", "--keyfile-size", String(oldSecret.length)];
  run(
    "cryptsetup",
    ["luksAddKey", "-q", ...cheap, ...size, "--new-key-slot", String(slot), device, "-"],
    oldSecret + secret,
  );
}

/** Whether a secret opens it, by what cryptsetup says. */
export function opens(device: string, secret: string): boolean {
  const args = ["open", "--test-passphrase", "--key-file", "-", device];
  return spawnSync("cryptsetup", args, { input: secret }).status === 0;
}

/** The numbers of the keyslots in use, by what cryptsetup says. */
export function slots(device: string): number[] {
  const dump = run("cryptsetup", ["luksDump", device]);
  const of1 = [...dump.matchAll(/^Key Slot (\d): ENABLED$/gm)];
  const keyslots = /^Keyslots:\n((?:[ \t].*\n)*)/m.exec(dump)?.[1] ?? "";
  return (of1.length > 0 ? of1 : [...keyslots.matchAll(/^ {2}(\d+): /gm)]).map((match) => Number(match[1]));
}

/** A key side in this process, whose key web01 is bound to a volume that cryptsetup made. */
export class RolloverTrial {
  readonly folder: string;
  readonly keySide: TestKeySide;
  readonly client: KeyClient;

  private constructor(folder: string, keySide: TestKeySide) {
    this.folder = folder;
    this.keySide = keySide;
    this.client = { call: (name, input) => keySide.as("custodian", name, input) };
  }

  static async make(t: TestContext): Promise<RolloverTrial> {
    const folder = mkdtempSync(join(tmpdir(), "lockstep-rollover-"));
    const keySide = await testKeySide();
    t.after(() => {
      keySide[Symbol.dispose]();
      rmSync(folder, { recursive: true });
    });
    return new RolloverTrial(folder, keySide);
  }

  /** Makes a sparse file. */
  image(size: string): string {
    const path = join(this.folder, "web01.raw");
    run("truncate", ["-s", size, path]);
    return path;
  }

  get deps(): RolloverDeps {
    return { client: this.client, backupFolder: join(this.folder, "state", "rollovers") };
  }

  /** Stores a secret, the old one where none is given, as `web01/v1`, and binds it. @returns the volume, and its binding */
  async bind(
    path: string,
    { kind, value }: { readonly kind: "passphrase" | "key-file"; readonly value: Uint8Array } = passphrase,
  ): Promise<{ readonly volume: RolloverVolume; readonly binding: string }> {
    const identity = await identityOf(path);
    const { presented, volume } = await readLiveHeader(path, identity, null, signal);
    const given = { name: "web01", kind, value: base64(value), note: "", activatesAt: null, expiresAt: null };
    await this.client.call("key.add", given, signal);
    const place = { machine: "web01", disk: "root", volume };
    const bind = {
      version: "web01/v1",
      header: presented,
      place,
      source: "live",
      protector: null,
      volumeUuid: null,
    } as const;
    const { binding } = await this.client.call("key.bind", bind, signal);
    return { volume: { path, volume: null, identity }, binding: binding.id };
  }

  /** The new value of a rollover. */
  async newSecret(rollover: string): Promise<string> {
    const { new: made } = await this.client.call("rollover.values", { rollover }, signal);
    return fromUtf8(fromBase64(made) ?? new Uint8Array());
  }
}

/** The identity of the only encrypted volume of a disk. */
async function identityOf(path: string): Promise<string> {
  await using disk = await openDisk(path, {}, signal);
  const { map } = await inspect(volumeSource(disk), signal);
  const [identity] = map.volumes.flatMap(({ encrypted }) => (encrypted === null ? [] : [encrypted.identity]));
  if (identity === undefined) throw new Error(`${path} has no encrypted volume`);
  return identity;
}
