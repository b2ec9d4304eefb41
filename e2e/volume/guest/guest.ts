import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { guestPrograms, packInitramfs } from "./initramfs.ts";
import { findKernel } from "./kernel.ts";

/** Much longer than it takes on a busy machine. */
const TIMEOUT_MS = 500_000;
/** What helps in emulation: longer vectors, which all libraries would use, do not. */
const PROCESSOR = "qemu64,+rdrand,+rdseed,+ssse3,+sse4.1,+sse4.2,+aes,+pclmulqdq,+popcnt";
/** Places for disks on the machine's bus begin here, and each takes eight. */
const FIRST_SLOT = 8;
const MOST_DISKS = 8 * 20;

/** A disk of the guest: a file here, a device there; its partitions are `DEVICE-1` and so on. */
export type GuestDisk = { readonly path: string; readonly device: string };

type DiskOptions = {
  /** So slow that something can be interrupted; null: as fast as it goes. */
  readonly writeBytesPerSecond?: number | null;
};

/** What the guest's jobs said, by `job name`. */
export type GuestReport = { readonly said: ReadonlyMap<string, string>; readonly console: string };

/** What is missing to run a guest, in words; null when nothing is. */
export function guestNeeds(): string | null {
  if (process.arch !== "x64") return "a kernel and programs for x86-64";
  const programs = ["qemu-system-x86_64", "busybox", "cpio", "modprobe", "ldd", ...guestPrograms];
  const missing = programs.filter((program) => spawnSync("which", [program]).status !== 0);
  if (findKernel() === null) missing.push("a kernel for the guest");
  return missing.length === 0 ? null : `${missing.join(", ")} (scripts/setup-debian installs them)`;
}

/**
 * A small Linux machine with disks, in software emulation: it boots, does its jobs and is gone. Its kernel has device-mapper,
 * which this one need not have.
 */
export class Guest {
  readonly #folder: string;
  readonly #options: string[] = [];
  #disks = 0;
  readonly #files = new Map<string, string>();
  readonly #lanes = new Map<string, string[]>();

  /** @param folder  an empty one for all that it leaves */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** A new disk of zeros, or the file of that name that lies in the folder. @param name  20 characters at most */
  disk(name: string, sizeBytes: number, { writeBytesPerSecond = null }: DiskOptions = {}): GuestDisk {
    const path = join(this.#folder, `${name}.img`);
    writeFileSync(path, "", { flag: "a" });
    truncateSync(path, sizeBytes);
    const number = this.#disks++;
    if (number >= MOST_DISKS) throw new Error(`the guest has no place for ${name}`);
    const place = `${(FIRST_SLOT + Math.floor(number / 8)).toString(16)}.${number % 8}`;
    const limit = writeBytesPerSecond === null ? "" : `,throttling.bps-write=${writeBytesPerSecond}`;
    this.#options.push(
      "-drive",
      `file=${path},format=raw,if=none,id=disk${number},cache=unsafe,discard=unmap${limit}`,
      "-device",
      `virtio-blk-pci,drive=disk${number},serial=${name},addr=${place},multifunction=on`,
    );
    return { path, device: `/disk/${name}` };
  }

  /** A file that the jobs find. */
  file(path: string, content: string): void {
    this.#files.set(path, content);
  }

  /**
   * Something to be done in the guest, in lines of its shell; the first that fails ends it. `say NAME VALUE` tells the test.
   *
   * @param lane  jobs of one lane are done in turn, lanes at the same time
   */
  job(name: string, lane: string, ...lines: readonly string[]): void {
    this.file(`jobs/${name}.job`, `${lines.join("\n")}\n`);
    this.#lanes.set(lane, [...(this.#lanes.get(lane) ?? []), name]);
  }

  /** Boots it and waits until it turned itself off. @throws when it did not end, with the console's output */
  async run(): Promise<GuestReport> {
    const kernel = findKernel();
    if (kernel === null) throw new Error("there is no kernel for the guest");
    const [root, packed] = [join(this.#folder, "root"), join(this.#folder, "initramfs")];
    mkdirSync(root);
    packInitramfs(root, kernel, this.#files, [...this.#lanes.values()], packed);
    const [consolePath, saidPath] = [join(this.#folder, "console"), join(this.#folder, "said")];
    const options = [
      ["-accel", "tcg,thread=multi", "-cpu", PROCESSOR, "-smp", "2", "-m", "768"],
      ["-display", "none", "-vga", "none", "-nic", "none", "-no-reboot", "-monitor", "none"],
      ["-serial", `file:${consolePath}`, "-serial", `file:${saidPath}`],
      ["-kernel", kernel.image, "-initrd", packed],
      ["-append", "console=ttyS0 quiet panic=-1 random.trust_cpu=on"],
      this.#options,
    ].flat();
    const child = spawn("qemu-system-x86_64", options, {
      stdio: ["ignore", "ignore", "pipe"],
      timeout: TIMEOUT_MS,
      killSignal: "SIGKILL",
    });
    let complaint = "";
    child.stderr.on("data", (bytes: Buffer) => (complaint += bytes.toString()));
    const end = (): void => void child.kill("SIGKILL");
    process.once("exit", end);
    await once(child, "close");
    process.off("exit", end);
    const text = readFileSync(consolePath, "utf8");
    const said = new Map(
      readFileSync(saidPath, "utf8")
        .split(/\r?\n/)
        .map((line) => /^(?<name>\S+ \S+) ?(?<value>.*)$/.exec(line)?.groups)
        .flatMap((groups) => (groups === undefined ? [] : [[groups["name"] ?? "", groups["value"] ?? ""] as const])),
    );
    if (!said.has("- end")) throw new Error(`the guest did not come to its end: ${complaint}\n${text.slice(-4000)}`);
    return { said, console: text };
  }
}
