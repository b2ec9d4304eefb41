import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import type { Socket } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { TestContext } from "node:test";
import { setTimeout } from "node:timers/promises";

import { endLater, later, run, skipUnlessRoot, sparseFile } from "../disk/rig.ts";
import { findKernel } from "../volume/guest/kernel.ts";
import type { Outcome } from "./isolation-host.ts";
import { makeInitramfs, makeRoot, tpmLibraries } from "./system-guest-root.ts";

/** Much longer than anything takes on a busy machine. */
const LINE_TIMEOUT_MS = 120_000;
/** What helps in emulation; and one processor only, since it fails now and then where one thread compiles what another runs. */
const PROCESSOR = "qemu64,+rdrand,+ssse3,+sse4.1,+sse4.2,+aes,+pclmulqdq,+popcnt";
const SWAP_BYTES = 2 ** 30;

/** Skips the test, and says so, where no such guest can be run. @returns true when it must end */
export function skipUnlessSystemGuest(t: TestContext): boolean {
  const programs = ["qemu-system-x86_64", "swtpm", "cryptsetup", "busybox", "cpio", "mke2fs", "mkswap", "modprobe"];
  if (skipUnlessRoot(t, ...programs)) return true;
  const missing = [
    ...(findKernel() === null ? ["a kernel for the guest"] : []),
    ...(existsSync(tpmLibraries) ? [] : ["libraries for its TPM"]),
    ...(existsSync("/lib/systemd/systemd") ? [] : ["systemd"]),
  ];
  if (missing.length === 0) return false;
  const reason = `needs ${missing.join(", ")} (scripts/setup-debian installs them)`;
  console.error(`NOT TESTED: ${t.name}: ${reason}`);
  t.skip(reason);
  return true;
}

type Running = {
  readonly machine: ChildProcess;
  readonly tpm: ChildProcess;
  readonly port: Socket;
  readonly lines: AsyncIterator<string>;
};

/** A small machine with a kernel and a TPM of its own, which systemd boots from a disk that stays: in software emulation. */
export class SystemGuest {
  readonly #folder: string;
  readonly #options: readonly string[];
  #up: Running | null = null;

  /** Makes its disks. @param files  that it has beside Debian's and the project's */
  constructor(folder: string, files: ReadonlyMap<string, string | Uint8Array>) {
    const kernel = findKernel() ?? assert.fail("there is no kernel for the guest");
    this.#folder = folder;
    const swap = sparseFile(folder, "swap.img", SWAP_BYTES);
    run("mkswap", swap);
    const disks = [makeRoot(folder, files), swap];
    this.#options = [
      ["-accel", "tcg", "-cpu", PROCESSOR, "-smp", "1", "-m", "512"],
      ["-display", "none", "-vga", "none", "-nic", "none", "-no-reboot", "-monitor", "none"],
      ["-kernel", kernel.image, "-initrd", makeInitramfs(folder, kernel)],
      ["-append", "console=ttyS0 quiet panic=-1 random.trust_cpu=on systemd.unit=multi-user.target"],
      ...disks.map((path) => ["-drive", `file=${path},format=raw,if=virtio,cache=unsafe`]),
    ].flat();
  }

  /** Boots it. @param tpm  the TPM's name: what it holds stays, and another name is another one */
  async boot(t: TestContext, tpm: string): Promise<void> {
    const at = join(this.#folder, tpm);
    const [state, control, agent] = [`${at}-state`, `${at}-tpm`, `${at}-agent`];
    mkdirSync(state, { recursive: true });
    const words = [
      "socket",
      "--tpm2",
      "--tpmstate",
      `dir=${state}`,
      "--ctrl",
      `type=unixio,path=${control}`,
      "--terminate",
    ];
    rmSync(control, { force: true });
    const device = spawn("swtpm", words, { stdio: "ignore" });
    endLater(t, device);
    for (let tries = 0; !existsSync(control); tries++) {
      assert.ok(tries < 400, "the TPM does not start");
      await setTimeout(50);
    }
    rmSync(agent, { force: true });
    const server = createServer().listen(agent);
    later(t, () => void server.close());
    await once(server, "listening");
    const machine = spawn(
      "qemu-system-x86_64",
      [
        ...this.#options,
        "-chardev",
        `socket,id=tpm,path=${control}`,
        "-tpmdev",
        "emulator,id=tpm0,chardev=tpm",
        "-device",
        "tpm-crb,tpmdev=tpm0",
        "-serial",
        `file:${this.#console}`,
        "-serial",
        `unix:${agent}`,
      ],
      { stdio: ["ignore", "ignore", "inherit"] },
    );
    endLater(t, machine);
    const [port] = (await once(server, "connection")) as [Socket];
    const lines = createInterface({ input: port })[Symbol.asyncIterator]();
    this.#up = { machine, tpm: device, port, lines };
    assert.equal(await this.#answer(), "ready");
  }

  /** Turns it off, in order. */
  async off(): Promise<void> {
    const { machine, tpm, port } = this.#machine();
    const closed = once(machine, "close");
    port.write(`${Buffer.from("systemctl poweroff").toString("base64")}\n`);
    await closed;
    if (tpm.exitCode === null) await once(tpm, "close");
    this.#up = null;
  }

  /** Runs a command line of the shell, as root, with Lockstep in the path. */
  async run(line: string): Promise<Outcome> {
    this.#machine().port.write(`${Buffer.from(line).toString("base64")}\n`);
    const [status, stdout, stderr] = (await this.#answer()).split(" ");
    const text = (base64 = ""): string => Buffer.from(base64, "base64").toString();
    return { status: Number(status), stdout: text(stdout), stderr: text(stderr) };
  }

  /** Runs a command that must succeed. @returns its output */
  async must(line: string): Promise<string> {
    const { status, stdout, stderr } = await this.run(line);
    assert.equal(status, 0, `in the guest: ${line}: ${stdout}${stderr}`);
    return stdout.trim();
  }

  /** The document of a command line of Lockstep, whatever it exits with. */
  async json(line: string): Promise<Readonly<Record<string, unknown>>> {
    const { stdout, stderr } = await this.run(`${line} --json`);
    assert.notEqual(stdout, "", `in the guest: ${line}: ${stderr}`);
    return JSON.parse(stdout) as Record<string, unknown>;
  }

  get #console(): string {
    return join(this.#folder, "console");
  }

  #machine(): Running {
    return this.#up ?? assert.fail("the guest is off");
  }

  async #answer(): Promise<string> {
    const { lines } = this.#machine();
    const late = new AbortController();
    const timeout = setTimeout(LINE_TIMEOUT_MS, null, { signal: late.signal }).catch(() => null);
    const next = await Promise.race([lines.next(), timeout]);
    late.abort();
    if (next === null || next.done === true) {
      const why = next === null ? "does not answer" : "is gone";
      assert.fail(`the guest ${why}: ${readFileSync(this.#console, "utf8").slice(-4000)}`);
    }
    return next.value;
  }
}
