import { execFileSync, spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout } from "node:timers/promises";

import { readMounts } from "#linux/mounts.ts";

import { later, newFolder, skipUnlessRoot } from "../disk/rig.ts";

const project = join(import.meta.dirname, "../..");
/** Where such a host has the project: a service with a `/tmp` of its own would not see one that lies there. */
export const installed = "/opt/lockstep";
const environment = { PATH: `${installed}/bin:/usr/sbin:/usr/bin:/sbin:/bin`, HOME: "/root", LC_ALL: "C.UTF-8" };

/** What a command line gave. */
export type Outcome = { readonly status: number | null; readonly stdout: string; readonly stderr: string };

/**
 * This host's root and the project, seen in a folder: what is written there goes to memory, and where a set-up writes it is empty before.
 * Called with the folder, the project, and what to start there.
 */
const ownRoot = `set -e
mount -t tmpfs tmpfs "$1"; mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"; cd "$1/root"
for folder in var/lib run srv tmp dev; do mount -t tmpfs -o mode=0755 tmpfs $folder; done; chmod 1777 tmp
for device in null zero full random urandom tty; do touch dev/$device; mount --bind /dev/$device dev/$device; done
mkdir dev/pts; mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts; ln -s pts/ptmx dev/ptmx
mkdir -p var/lib/systemd run/lock .${installed}; rm -f etc/systemd/system/*.wants/*
touch own-host; mount --bind "$2" .${installed}; mount -t proc proc proc; mount -t sysfs sysfs sys; mount -t cgroup2 cgroup2 sys/fs/cgroup
mount --make-rshared . # systemd mounts a service's credentials in a namespace of its own, and expects to see them in this one
exec chroot . env -i container=lockstep PATH="$PATH" $3`;

/** Takes a process into a group first: it is the root of all groups that its namespace knows. */
const unshared =
  'echo $$ > "$0/cgroup.procs"; exec unshare --mount --pid --fork --kill-child --cgroup --ipc --uts sh -c "$@"';

/** Skips the test, and says so, where there can be no such host. @returns true when it must end */
export async function skipUnlessOwnHost(t: TestContext): Promise<boolean> {
  if (skipUnlessRoot(t, "unshare", "nsenter", "useradd", "systemd-analyze")) return true;
  const canMount = spawnSync("unshare", ["--mount", "mount", "-t", "tmpfs", "tmpfs", "/srv"]).status === 0;
  if (canMount && (await controlGroups()) !== undefined) return false;
  const reason = "no file systems can be mounted here, or there are no control groups";
  console.error(`NOT TESTED: ${t.name}: ${reason}`);
  t.skip(reason);
  return true;
}

async function controlGroups(): Promise<string | undefined> {
  return (await readMounts()).find(({ type }) => type === "cgroup2")?.mountPoint;
}

/** A host to set up: this one's programs, but accounts, configuration and state of its own, which go with the test. */
export class OwnHost {
  readonly #words: readonly string[];

  private constructor(pid: number) {
    this.#words = [`--target=${pid}`, "--all", "--root", "--wd"];
  }

  /** One on which nothing runs. */
  static start(t: TestContext): Promise<OwnHost> {
    return OwnHost.#start(t, "sleep infinity", () => true);
  }

  /** One that systemd has booted, as a container's first process (https://systemd.io/CONTAINER_INTERFACE). */
  static boot(t: TestContext): Promise<OwnHost> {
    return OwnHost.#start(t, "/lib/systemd/systemd --unit=multi-user.target", (host) =>
      /^(running|degraded)$/m.test(host.run("systemctl is-system-running").stdout),
    );
  }

  static async #start(t: TestContext, program: string, isUp: (host: OwnHost) => boolean): Promise<OwnHost> {
    const group = join((await controlGroups()) ?? assert.fail(), `lockstep-test-${process.pid}`);
    mkdirSync(group);
    later(t, () => removeGroup(group));
    const words = ["-c", unshared, group, ownRoot, "sh", newFolder(t), project, program];
    const holder = spawn("sh", words, { stdio: ["ignore", "ignore", "inherit"] });
    later(t, async () => {
      holder.kill("SIGKILL");
      await emptied(group);
    });
    for (let tries = 0; tries < 600; tries++) {
      assert.equal(holder.exitCode, null, "the host did not start");
      const first = childOf(holder);
      const host = first === null ? null : new OwnHost(first);
      if (host?.run("true").status === 0 && isUp(host)) return host;
      await setTimeout(100);
    }
    return assert.fail(`the host is not up: ${program}`);
  }

  /** Runs a command line of the shell, as root, with Lockstep in the path. */
  run(line: string): Outcome {
    const { status, stdout, stderr } = spawnSync("nsenter", this.#line(line), { encoding: "utf8", env: environment });
    return { status, stdout, stderr };
  }

  /** Runs a command that must succeed. @returns its output */
  must(line: string): string {
    return execFileSync("nsenter", this.#line(line), { encoding: "utf8", env: environment });
  }

  /** The document of a command line of Lockstep, whatever it exits with. */
  json(line: string): Readonly<Record<string, unknown>> {
    return JSON.parse(this.run(`${line} --json`).stdout) as Record<string, unknown>;
  }

  /** Starts one that goes on by itself, until the host ends. */
  start(line: string): ChildProcess {
    return spawn("nsenter", this.#line(`exec ${line}`), { stdio: "ignore", env: environment });
  }

  /** Whose root is not the host's own is another process, or one that is not there yet: nothing is done there. */
  #line(line: string): string[] {
    return [...this.#words, "sh", "-c", `test -e /own-host || exit 125; ${line}`];
  }
}

/** The first process of a host; null while there is none. */
function childOf({ pid }: ChildProcess): number | null {
  const children = `/proc/${pid}/task/${pid}/children`;
  const [first] = existsSync(children) ? readFileSync(children, "utf8").split(" ") : [];
  return first === undefined || first === "" ? null : Number(first);
}

/** Waits until no process of a host is left. */
async function emptied(group: string): Promise<void> {
  for (let tries = 0; /^populated 1$/m.test(readFileSync(join(group, "cgroup.events"), "utf8")); tries++) {
    assert.ok(tries < 200, "the host does not end");
    await setTimeout(50);
  }
}

function removeGroup(group: string): void {
  for (const entry of readdirSync(group, { withFileTypes: true })) {
    if (entry.isDirectory()) removeGroup(join(group, entry.name));
  }
  rmdirSync(group);
}
