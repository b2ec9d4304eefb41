import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync } from "node:fs";
import { test } from "node:test";

import { Trial } from "./trial.ts";

test("from nothing to a recovery point", (t) => {
  const trial = new Trial(t);
  trial.prepare("echo secret > pw && chmod 600 pw", "mkdir images", "head -c 3M /dev/urandom > images/web01.raw");
  trial.transcript(`
    $ lockstep init vault --passphrase-file pw --no-key-store
    Made vault ID. What opens it:
      the passphrase
      this host, unattended, by its key file DIR/state/vaults/ID.key
    Keep the passphrase in a safe place that is not on this host and not in the vault:
    when all of these are lost, nobody can read the vault again, and nobody can help.
    The new configuration DIR/config.toml names it.
    What comes next:
    lockstep scan FOLDER  what is encrypted there, and how
    lockstep protect NAME --disk PATH  says what is to be backed up
    lockstep backup NAME  takes a recovery point
    lockstep status  what is missing

    $ lockstep status
    No machine is protected yet: \`lockstep protect NAME --disk PATH\`

    $ lockstep protect web01 --disk images/web01.raw --keep daily=7
    machine  web01
    id  ID
    protected  yes
    keep  daily=7
    a point every  24 h
    time zone  UTC
    disk  web01  3.0 MiB  DIR/images/web01.raw  on HOST
    Nothing is backed up yet: lockstep backup web01

    $ lockstep status
    MACHINE  LAST POINT  CONSISTENCY  POINTS  LIGHT  NEEDS  EXPECTED UNTIL  ATTENTION
    web01  -  -  0  -  -  -  no point was taken yet
    What to do:
    web01: \`lockstep backup web01\`
    [2]

    $ lockstep backup web01
    web01@TIME  3.0 MiB read, 3.0 MiB new, 3.0 MiB stored, TOOK (RATE)  offline · nobody knows whether disk web01 is encrypted · amber

    $ lockstep backup web01
    web01@TIME  3.0 MiB read, 0 B new, 0 B stored, TOOK (RATE)  offline · nobody knows whether disk web01 is encrypted · amber

    $ lockstep status
    MACHINE  LAST POINT  CONSISTENCY  POINTS  LIGHT  NEEDS  EXPECTED UNTIL  ATTENTION
    web01  TIME (AGO)  offline  2  amber  -  -  -
  `);
  assert.equal(readFileSync(trial.path("config.toml"), "utf8"), `vault = ${JSON.stringify(trial.path("vault"))}\n`);
});

test("a vault is made only where nothing else is, and what opens it must be said", (t) => {
  const trial = new Trial(t);
  trial.prepare("echo secret > pw && chmod 600 pw", "mkdir used && echo hello > used/letter.txt");
  trial.transcript(`
    $ lockstep init used --passphrase-file pw --no-key-store
    ! error: making a vault in DIR/used: there are other things in it, such as letter.txt [ARGUMENT_INVALID]
    ! hint: Name a folder that is empty, or not there yet.
    [64]
    $ lockstep init vault --no-key-store
    ! error: making a vault: nothing says what opens it, and there is no terminal to ask at [ARGUMENT_INVALID]
    ! hint: Name a file with a passphrase by --passphrase-file, or a key file to be made by --key-file.
    [64]
    $ lockstep init vault --passphrase-file none --no-key-store
    ! error: reading the passphrase file DIR/none failed: it is not there (ENOENT) [FILE_MISSING]
    ! hint: Check the path.
    [66]
    $ ls
    pw
    used
    $ lockstep init vault --passphrase-file pw --no-key-store --quiet | head -1
    Made vault ID. What opens it:
    $ lockstep init vault --passphrase-file pw --no-key-store
    ! error: making a vault in DIR/vault: there is one already [VAULT_EXISTS]
    ! hint: Use it, or name another folder.
    [75]
  `);
});

test("a key file is made where it is not there, for its owner alone, and opens the vault elsewhere", (t) => {
  const trial = new Trial(t);
  trial.prepare("lockstep init vault --key-file stick/vault.key --no-key-store --no-host-key");
  assert.equal(statSync(trial.path("stick/vault.key")).mode & 0o777, 0o600);
  assert.ok(!existsSync(trial.path("state/vaults")));
  trial.transcript(`
    $ lockstep vault unlock list
    ! error: a passphrase is needed, and standard input is no terminal to ask at [ARGUMENT_INVALID]
    ! hint: Name a file that holds it with --passphrase-file or LOCKSTEP_PASSPHRASE_FILE.
    [64]
    $ lockstep vault unlock list --key-file stick/vault.key
    UNLOCK WAY  KIND  ADDED  ID
    key file vault.key  key file  TIME  ${trial.prepare("lockstep vault unlock list --key-file stick/vault.key").trim().split("\n")[1]?.split(/ {2,}/)[3]}  opened it now
  `);
});

test("a command line that is wrong says what is meant", (t) => {
  const trial = new Trial(t);
  trial.prepare("touch config.toml");
  trial.transcript(`
    $ lockstep bakup web01
    ! error: unknown command 'bakup' [ARGUMENT_INVALID]
    ! hint: Did you mean backup?
    [64]
    $ lockstep backup --torn web01
    ! error: unknown option '--torn' [ARGUMENT_INVALID]
    ! hint: Did you mean --torn-ok?
    [64]
    $ lockstep backup
    ! error: backing up: nothing says which machine [ARGUMENT_INVALID]
    ! hint: Name machines, or give --all.
    [64]
    $ lockstep protect web01 --disk a.raw --keep dayly=7
    ! error: "dayly=7" is not a keep rule: "dayly=7" is not a count [ARGUMENT_INVALID]
    ! hint: Write counts of last, daily, weekly, monthly, yearly up to 999999, such as daily=7,weekly=4,monthly=12,yearly=7; or all.
    [64]
    $ lockstep status
    ! error: no vault is named [ARGUMENT_INVALID]
    ! hint: Name one with --vault, LOCKSTEP_VAULT, or \`vault = …\` in the configuration; \`lockstep init\` makes one.
    [64]
    $ lockstep status --vault s3://bucket/vault
    ! error: "s3://bucket/vault" is not a kind of store that this Lockstep knows [ARGUMENT_INVALID]
    ! hint: Name a folder, or a file: URL.
    [64]
    $ lockstep status --vault none
    ! error: There is no directory DIR/none. [STORE_MISSING]
    ! hint: Check the path, and that the disk or share it lies on is mounted.
    [66]
  `);
});
