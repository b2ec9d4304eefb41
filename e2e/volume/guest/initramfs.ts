import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";

import { run } from "../../disk/rig.ts";
import { moduleFiles } from "./kernel.ts";
import type { GuestKernel } from "./kernel.ts";

/** Programs that the guest has beside those of busybox. */
export const guestPrograms = ["cryptsetup", "mkfs.ext4", "lvm"] as const;

/** For the disks, device-mapper, file systems, and all ciphers and modes that volumes are made with. */
const MODULES = [
  "virtio_pci",
  "virtio_blk",
  "dm-mod",
  "dm-crypt",
  "dm-integrity",
  "ext4",
  "crc32c_generic",
  "sha512_generic",
  "aesni-intel",
  "adiantum",
  "camellia_generic",
  "nhpoly1305",
  "chacha_generic",
  "serpent_generic",
  "twofish_generic",
  "ecb",
  "lrw",
  "xts",
  "aegis128",
  "authenc",
  "essiv",
  "algif_aead",
  "algif_skcipher",
];

/** Brings up what a small machine needs, does all jobs, says `end`, and turns the machine off. */
const INIT = `#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /run /tmp /sbin /usr/bin /usr/sbin
/bin/busybox --install -s
export PATH=/usr/bin:/usr/sbin:/bin:/sbin DM_DISABLE_UDEV=1
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs run /run
mount -t tmpfs tmp /tmp
mkdir -p /run/cryptsetup /run/lvm /run/lock
while read -r module; do insmod "/modules/$module" || echo "insmod $module failed"; done </modules/order
mkdir /disk
for disk in /sys/block/vd*; do
  name=$(cat "$disk/serial")
  ln -s "/dev/\${disk##*/}" "/disk/$name"
  for part in "$disk"/vd*/partition; do
    if [ -e "$part" ]; then ln -s "/dev/$(basename "\${part%/partition}")" "/disk/$name-$(cat "$part")"; fi
  done
done
sh /jobs/lanes
sync
echo "- end" >/dev/ttyS1
poweroff -f
`;

/** Does one job; its results go to the second serial port, the output of its programs to the first. */
const DO_JOB = `#!/bin/sh
export JOB="$1"
if sh -e "/jobs/$1.job" >"/tmp/$1.log" 2>&1; then status=done; else status=failed; fi
sed "s/^/$1: /" "/tmp/$1.log"
echo "$1: $status, $(cut -d ' ' -f 1 /proc/uptime) s after the start"
echo "$1 status $status" >/dev/ttyS1
`;

/** One fact, from a job to the test. */
const SAY = `#!/bin/sh
echo "$JOB $1 $2" >/dev/ttyS1
`;

/**
 * Packs what the guest runs from into one file.
 *
 * @param folder  for the parts; everything in it is the guest's
 * @param files   more files, by their paths in the guest
 * @param lanes   each lane's jobs are done one after the other, the lanes at the same time
 */
export function packInitramfs(
  folder: string,
  kernel: GuestKernel,
  files: ReadonlyMap<string, string>,
  lanes: readonly (readonly string[])[],
  into: string,
): void {
  const put = (path: string, content: string): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content, { mode: 0o755 });
  };
  const copy = (from: string, to: string): void => {
    mkdirSync(dirname(join(folder, to)), { recursive: true });
    copyFileSync(from, join(folder, to));
  };
  put("init", INIT);
  put("bin/do-job", DO_JOB);
  put("bin/say", SAY);
  for (const [path, content] of files) put(path, content);
  const started = lanes.map((jobs) => `(${jobs.map((job) => `do-job ${job}`).join("; ")}) &`);
  put("jobs/lanes", `${started.join("\n")}\nwait\n`);

  copy(run("which", "busybox"), "bin/busybox");
  for (const program of guestPrograms) {
    const path = run("which", program);
    copy(path, join("usr/sbin", program));
    for (const library of librariesOf(path)) copy(library, library);
  }
  // glibc loads it when a thread is ended, which argon2 does.
  const unwinder = "/lib/x86_64-linux-gnu/libgcc_s.so.1";
  if (existsSync(unwinder)) copy(unwinder, unwinder);

  const modules = moduleFiles(kernel, MODULES);
  for (const file of modules) copy(file, join("modules", basename(file)));
  put("modules/order", `${modules.map((file) => basename(file)).join("\n")}\n`);

  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  const packed = spawnSync("cpio", ["--create", "--format=newc", "--quiet"], {
    cwd: folder,
    input: names.join("\n"),
    maxBuffer: 2 ** 28,
  });
  if (packed.status !== 0) throw new Error(`cpio failed: ${String(packed.stderr)}`);
  writeFileSync(into, packed.stdout);
}

function librariesOf(program: string): readonly string[] {
  return [...run("ldd", program).matchAll(/(\/\S+) \(0x/g)].flatMap(([, path]) => path ?? []);
}
