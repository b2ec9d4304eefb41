import { closeSync, openSync, symlinkSync, writeFileSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { test } from "node:test";

import { mounted, skipUnlessRoot } from "../disk/rig.ts";
import { Trial } from "./trial.ts";

test("a disk in use is frozen where the file system can, and the point is as after a power cut, not torn", (t) => {
  if (skipUnlessRoot(t, "mkfs.xfs")) return;
  const trial = new Trial(t);
  const { mountPoint } = mounted(t, "xfs", 320 * 1024 * 1024);
  const image = join(mountPoint, "web01.raw");
  writeFileSync(image, randomBytes(1024 * 1024));
  symlinkSync(image, trial.path("web01.raw"));
  trial.prepare("lockstep init vault --key-file key --no-key-store", "lockstep protect web01 --disk web01.raw");
  const fd = openSync(image, "r+");
  try {
    trial.transcript(`
      $ lockstep backup web01 --snapshot reflink
      web01@TIME  1.0 MiB read, 1.0 MiB new, 1.0 MiB stored, TOOK (RATE)  crash · nobody knows whether disk web01 is encrypted · amber
      $ lockstep status
      MACHINE  LAST POINT  CONSISTENCY  POINTS  LIGHT  NEEDS  EXPECTED UNTIL  ATTENTION
      web01  TIME (AGO)  crash  1  amber  -  -  -
    `);
  } finally {
    closeSync(fd);
  }
  trial.transcript(`
    $ lockstep backup web01 --snapshot reflink
    web01@TIME  1.0 MiB read, 0 B new, 0 B stored, TOOK (RATE)  offline · nobody knows whether disk web01 is encrypted · amber
    $ cp web01.raw plain.raw && lockstep machine set web01 --disk web01=plain.raw > changed
    $ lockstep backup web01 --snapshot reflink 2>&1 | grep -o 'freezing .*: no reflinks'
    freezing DIR/plain.raw: no reflinks
    $ lockstep backup web01 --snapshot lvm
    ! error: option '--snapshot <how>' argument 'lvm' is invalid. Allowed choices are reflink. [ARGUMENT_INVALID]
    ! hint: \`lockstep backup --help\` says how it is used, with examples.
    [64]
  `);
});
