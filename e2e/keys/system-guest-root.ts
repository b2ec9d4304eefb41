import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";

import { run, sparseFile } from "../disk/rig.ts";
import { moduleFiles } from "../volume/guest/kernel.ts";
import type { GuestKernel } from "../volume/guest/kernel.ts";
import { installed } from "./isolation-host.ts";

const project = join(import.meta.dirname, "../..");
/** Where `scripts/setup-debian` puts the libraries by which systemd reaches a TPM. */
export const tpmLibraries = "/var/cache/lockstep-guest-tpm";

/** Debian's packages, as they are installed on this machine, that the guest has; and all that they depend on. */
const PACKAGES = (
  "base-files base-passwd bash coreutils dash findutils grep libatomic1 libc-bin libstdc++6 login mount passwd procps sed " +
  "systemd-sysv util-linux"
).split(" ");
/** What of a package nobody reads in the guest. */
const UNREAD = /^\/usr\/(share\/(doc|man|locale|info|lintian|bug|zoneinfo)|lib\/udev\/hwdb\.d)\//;
/** Of the project's packages, those that only its makers use. */
const MAKERS = /^(\.bin|\.package-lock\.json|@oxlint.*|@types|@typescript|fast-check|oxlint.*|prettier|typescript)$/;

const ACCOUNTS: Readonly<Record<string, string>> = {
  "etc/nsswitch.conf": "passwd: files\ngroup: files\nshadow: files\nhosts: files\n",
  "etc/pam.d/common-auth": "auth required pam_unix.so\n",
  "etc/pam.d/common-account": "account required pam_unix.so\n",
  "etc/pam.d/common-password": "password required pam_unix.so\n",
  "etc/pam.d/common-session": "session required pam_unix.so\n",
  "etc/pam.d/common-session-noninteractive": "session required pam_unix.so\n",
  "etc/hostname": "guest\n",
  "etc/hosts": "127.0.0.1 localhost guest\n",
  "etc/machine-id": "",
};

/**
 * Does what the test says, line by line, and says what came of it. A line comes, and all goes back, in base64, so that no byte of it
 * means anything to the serial port.
 */
const AGENT = `#!/bin/bash
stty -F /dev/ttyS1 raw -echo
exec 3<>/dev/ttyS1
mkdir -p /run/agent
echo ready >&3
while read -r line <&3; do
  base64 -d <<<"$line" >/run/agent/line
  sh /run/agent/line >/run/agent/out 2>/run/agent/err </dev/null 3>&-
  echo "$? $(base64 -w0 /run/agent/out) $(base64 -w0 /run/agent/err)" >&3
done
`;
const AGENT_UNIT = `[Unit]
After=multi-user.target
[Service]
ExecStart=/bin/bash /usr/local/sbin/agent
Environment=PATH=${installed}/bin:/usr/sbin:/usr/bin HOME=/root LC_ALL=C.UTF-8
`;

/** Mounts the disk, and goes on there. */
const INIT = `#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /root
/bin/busybox mount -t devtmpfs dev /dev
while read -r module; do /bin/busybox insmod "/modules/$module"; done </modules/order
/bin/busybox mount -t ext4 /dev/vda /root || exec /bin/busybox poweroff -f
exec /bin/busybox switch_root /root /lib/systemd/systemd
`;

/**
 * Makes the guest's first disk of this machine's own Debian, and the project.
 *
 * @param folder  for the parts, which are still there then
 * @param files   more files, by their paths in the guest
 * @returns       an image
 */
export function makeRoot(folder: string, files: ReadonlyMap<string, string | Uint8Array>): string {
  const root = join(folder, "root");
  for (const each of ["bin", "sbin", "lib", "lib64"]) {
    mkdirSync(join(root, "usr", each), { recursive: true });
    symlinkSync(`usr/${each}`, join(root, each));
  }
  for (const each of ["dev", "proc", "sys", "run", "tmp", "root", "srv", "var/lib", "etc/systemd/system"]) {
    mkdirSync(join(root, each), { recursive: true });
  }
  chmodSync(join(root, "tmp"), 0o1777);
  copyPackages(root);
  cpSync(`${tpmLibraries}/usr/lib`, join(root, "usr/lib"), { recursive: true, verbatimSymlinks: true });
  for (const name of ["passwd", "group"]) {
    cpSync(`/usr/share/base-passwd/${name}.master`, join(root, "etc", name));
    writeFileSync(join(root, name === "passwd" ? "etc/shadow" : "etc/gshadow"), "", { mode: 0o640 });
  }
  for (const [path, text] of Object.entries(ACCOUNTS)) put(root, path, text);
  put(root, "usr/local/sbin/agent", AGENT);
  put(root, "etc/systemd/system/agent.service", AGENT_UNIT);
  mkdirSync(join(root, "etc/systemd/system/multi-user.target.wants"));
  symlinkSync("../agent.service", join(root, "etc/systemd/system/multi-user.target.wants/agent.service"));
  // It would wait for a device that nobody announces.
  symlinkSync("/dev/null", join(root, "etc/systemd/system/serial-getty@ttyS0.service"));
  for (const [path, content] of files) put(root, path, content);
  copyProject(join(root, installed));
  run("ldconfig", "-r", root);
  // What is compiled here need not be compiled in the guest, which is much slower.
  run("chroot", root, `${installed}/bin/lockstep`, "--version");
  const image = sparseFile(folder, "root.img", 3 * 2 ** 30);
  run("mke2fs", "-q", "-t", "ext4", "-E", "lazy_itable_init=0,lazy_journal_init=0", "-d", root, image);
  return image;
}

/** @returns an initial file system that mounts the first disk */
export function makeInitramfs(folder: string, kernel: GuestKernel): string {
  const root = join(folder, "initramfs");
  const modules = moduleFiles(kernel, ["virtio_pci", "virtio_blk", "ext4", "crc32c_generic"]);
  mkdirSync(join(root, "bin"), { recursive: true });
  mkdirSync(join(root, "modules"));
  cpSync(run("which", "busybox"), join(root, "bin/busybox"));
  for (const file of modules) cpSync(file, join(root, "modules", basename(file)));
  put(root, "modules/order", `${modules.map((file) => basename(file)).join("\n")}\n`);
  put(root, "init", INIT);
  const input = readdirSync(root, { recursive: true, encoding: "utf8" }).join("\n");
  const packed = execFileSync("cpio", ["--create", "--format=newc", "--quiet"], {
    cwd: root,
    input,
    maxBuffer: 2 ** 28,
  });
  writeFileSync(`${root}.cpio`, packed);
  return `${root}.cpio`;
}

function put(root: string, path: string, content: string | Uint8Array): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content, { mode: 0o644 });
  if (typeof content === "string" && content.startsWith("#!")) chmodSync(join(root, path), 0o755);
}

/** Copies the files of packages with owners and modes, setuid bits too. */
function copyPackages(root: string): void {
  const files = run("dpkg-query", "--listfiles", ...withDependencies(PACKAGES))
    .split("\n")
    .filter((path) => path.startsWith("/") && path !== "/." && !UNREAD.test(path) && existsSync(path));
  const options = ["--create", "--directory=/", "--no-recursion", "--null", "--files-from=-"];
  const input = [...new Set(files)].map((path) => path.slice(1)).join("\0");
  const packed = execFileSync("tar", options, { input, maxBuffer: 2 ** 30 });
  execFileSync("tar", ["--extract", "--preserve-permissions", "--keep-directory-symlink", "--directory", root], {
    input: packed,
  });
}

/** The packages, and those that they need, of those that are installed: of alternatives, the first. */
function withDependencies(names: readonly string[]): readonly string[] {
  const format = "${Package}\t${Pre-Depends}, ${Depends}\t${Provides}\n";
  const needs = new Map<string, string>();
  const providers = new Map<string, string>();
  for (const line of run("dpkg-query", "--show", `--showformat=${format}`).split("\n")) {
    const [name = "", depends = "", provides = ""] = line.split("\t");
    needs.set(name, depends);
    for (const each of namesIn(provides, ",")) providers.set(each, name);
  }
  const found = new Set(names);
  for (const name of found) {
    for (const group of (needs.get(name) ?? "").split(",")) {
      const [first] = namesIn(group, "|")
        .map((each) => (needs.has(each) ? each : providers.get(each)))
        .filter((each) => each !== undefined);
      if (first !== undefined) found.add(first);
    }
  }
  return [...found];
}

/** Names without versions and architectures. */
function namesIn(relation: string, separator: string): readonly string[] {
  return relation.split(separator).flatMap((each) => /^\s*([a-z0-9][a-z0-9.+-]+)/.exec(each)?.[1] ?? []);
}

function copyProject(to: string): void {
  for (const each of ["bin", "src", "system", "package.json", "e2e/keys/reach.ts"]) {
    cpSync(join(project, each), join(to, each), { recursive: true });
  }
  for (const each of readdirSync(join(project, "node_modules"))) {
    if (MAKERS.test(each) || each === ".cache") continue;
    cpSync(join(project, "node_modules", each), join(to, "node_modules", each), {
      recursive: true,
      verbatimSymlinks: true,
    });
  }
}
