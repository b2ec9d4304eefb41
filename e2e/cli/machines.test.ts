import { test } from "node:test";

import { Trial } from "./trial.ts";

test("a machine's definition can be changed in every part, and what it had stays", (t) => {
  const trial = new Trial(t);
  trial.prepare(
    "lockstep init vault --key-file key --no-key-store",
    "head -c 1M /dev/urandom > root.raw && head -c 1M /dev/urandom > data.raw && head -c 1M /dev/urandom > other.raw",
    "lockstep protect web01 --disk system=root.raw --every 90m --time-zone Europe/Berlin",
    "lockstep backup web01",
  );
  trial.transcript(`
    $ lockstep protect web01 --disk data.raw
    ! error: there is a machine web01 already [NAME_TAKEN]
    ! hint: Use another name, or change that machine: lockstep machine set web01 --help
    [75]
    $ lockstep machine set web01 --add-disk data.raw --keep weekly=4 --every 6h
    machine  web01
    id  ID
    protected  yes
    keep  weekly=4
    a point every  6 h
    time zone  Europe/Berlin
    disk  system  1.0 MiB  DIR/root.raw  on HOST
    disk  data  1.0 MiB  DIR/data.raw  on HOST
    $ lockstep machine set web01 --add-disk data.raw --add-disk data=other.raw
    ! error: the machine has two disks called data [NAME_TAKEN]
    [75]
    $ lockstep backup web01
    web01@TIME  2.0 MiB read, 1.0 MiB new, 1.0 MiB stored, TOOK (RATE)  offline · nobody knows whether disk system is encrypted · amber
    $ mkdir moved && mv data.raw moved
    $ lockstep backup web01
    ! error: opening DIR/data.raw: it is not there (ENOENT) [DISK_MISSING]
    ! hint: Check the path, and that the disk is attached or its file system mounted. If it was moved: lockstep machine set web01 --disk data=PATH
    [66]
    $ lockstep machine set web01 --disk data=moved/data.raw | grep data
    disk  data  1.0 MiB  DIR/moved/data.raw  on HOST
    $ lockstep backup web01
    web01@TIME  2.0 MiB read, 0 B new, 0 B stored, TOOK (RATE)  offline · nobody knows whether disk system is encrypted · amber
    $ lockstep machine set web01 --remove-disk data | grep disk
    disk  system  1.0 MiB  DIR/root.raw  on HOST
    $ lockstep machine set web01 --remove-disk system
    ! error: machine web01 has no other disk than system [ARGUMENT_INVALID]
    ! hint: To back it up no longer: lockstep machine unprotect web01
    [64]
    $ lockstep machine rename web01 shop
    web01 is called shop now, and so are its points.
    $ lockstep machine unprotect shop
    shop is backed up no longer. Its keep rule still applies to its 3 recovery points.
    To take it back: lockstep machine set shop --protect
    $ lockstep backup shop
    ! error: machine shop is not protected any longer [ARGUMENT_INVALID]
    ! hint: To protect it again: lockstep machine set shop --protect
    [64]
    $ lockstep machine show shop | tail -4 | grep -v head
    points  3
    newest  shop@TIME, offline, amber
    disk  system  1.0 MiB  DIR/root.raw  on HOST
    $ lockstep machine list
    MACHINE  PROTECTED  DISKS  POINTS  EVERY  KEEP
    shop  no  system  3  6 h  weekly=4
    $ lockstep machine set shop --protect --confirm-clock | grep protected
    protected  yes
    $ lockstep machine show web01
    ! error: there is no machine web01 [NAME_UNKNOWN]
    ! hint: \`lockstep machine list\` shows all machines.
    [66]
  `);
});

test("another disk at the same path is refused until a person accepts it", (t) => {
  const trial = new Trial(t);
  trial.prepare(
    "lockstep init vault --key-file key --no-key-store",
    "head -c 1M /dev/urandom > root.raw",
    "lockstep protect web01 --disk root.raw",
    "printf 'LUKS\\272\\276\\000\\011' | dd of=root.raw conv=notrunc status=none",
  );
  trial.transcript(`
    $ lockstep backup web01
    ! error: DIR/root.raw does not look like the disk root of web01: it had no partition table, LUKS header or file system that is known here, and has one now [DISK_CHANGED]
    ! hint: If it is that disk, for instance with a new partition table, use --accept-changed-disk. If it is another one, see \`lockstep machine set --help\`.
    [75]
    $ lockstep backup web01 --accept-changed-disk
    web01@TIME  1.0 MiB read, 1.0 MiB new, 1.0 MiB stored, TOOK (RATE)  offline · nobody knows whether disk root is encrypted · amber
    ! warning: web01: disk root: LUKS header: version 9 is not known here [VOLUME_DAMAGED]
    $ lockstep backup web01
    web01@TIME  1.0 MiB read, 0 B new, 0 B stored, TOOK (RATE)  offline · nobody knows whether disk root is encrypted · amber
    ! warning: web01: disk root: LUKS header: version 9 is not known here [VOLUME_DAMAGED]
  `);
});

test("a disk that another machine has already is backed up by both, with a warning", (t) => {
  const trial = new Trial(t);
  trial.prepare(
    "lockstep init vault --key-file key --no-key-store",
    "head -c 1M /dev/urandom > root.raw && head -c 1M /dev/urandom > other.raw && ln -s root.raw link.raw",
    "lockstep protect web01 --disk root.raw",
  );
  trial.transcript(`
    $ lockstep protect web02 --disk sda=link.raw > /dev/null
    ! warning: DIR/link.raw is the disk root of web01 already; each backs it up by itself from now on [DISK_PROTECTED_TWICE]
    ! hint: If they are one machine, keep one: lockstep machine unprotect web02
    $ lockstep protect web03 --disk sda=other.raw > /dev/null
    $ lockstep machine set web03 --disk sda=root.raw > /dev/null
    ! warning: DIR/root.raw is the disk root of web01 already; each backs it up by itself from now on [DISK_PROTECTED_TWICE]
    ! hint: If they are one machine, keep one: lockstep machine unprotect web03
    ! warning: DIR/root.raw is the disk sda of web02 already; each backs it up by itself from now on [DISK_PROTECTED_TWICE]
    ! hint: If they are one machine, keep one: lockstep machine unprotect web03
    $ lockstep machine set web03 --every 6h > /dev/null
    $ lockstep machine unprotect web03 > /dev/null && rm other.raw root.raw && lockstep status | tail -4
    web01: say where it was moved to: \`lockstep machine set web01 --disk root=PATH\`
    web01: \`lockstep backup web01\`
    web02: say where it was moved to: \`lockstep machine set web02 --disk sda=PATH\`
    web02: \`lockstep backup web02\`
  `);
});

test("disks in watched folders that no machine has are named, whatever path they are protected by", (t) => {
  const trial = new Trial(t);
  trial.prepare(
    "lockstep init vault --key-file key --no-key-store",
    `echo 'watch = ["images"]' >> config.toml`,
    "mkdir images && truncate -s 1M images/web01.raw images/db01.raw && ln -s images/web01.raw web01.raw",
    "lockstep protect web01 --disk web01.raw",
    "lockstep backup web01",
  );
  trial.transcript(`
    $ lockstep status
    MACHINE  LAST POINT  CONSISTENCY  POINTS  LIGHT  NEEDS  EXPECTED UNTIL  ATTENTION
    web01  TIME (AGO)  offline  1  no key needed  -  -  -
    In the watched folders, and not protected: \`lockstep protect NAME --disk PATH\`
      DIR/images/db01.raw  1.0 MiB  raw
    [2]
    $ rm -r images && lockstep status | tail -2
    Watched (\`watch\` in the configuration), and not looked at:
    DIR/images could not be looked at (ENOENT)
    $ mkdir images && truncate -s 1M images/web01.raw images/db01.raw
    $ lockstep protect db01 --disk images/db01.raw > /dev/null && lockstep backup db01 > /dev/null && lockstep status
    MACHINE  LAST POINT  CONSISTENCY  POINTS  LIGHT  NEEDS  EXPECTED UNTIL  ATTENTION
    db01  TIME (AGO)  offline  1  no key needed  -  -  -
    web01  TIME (AGO)  offline  1  no key needed  -  -  -
  `);
});
