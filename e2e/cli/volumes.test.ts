import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";

import { cheap, secrets, volumeTrial } from "./volume-rig.ts";
import type { Trial } from "./trial.ts";

/** What a command line wrote, all of it. */
function said(trial: Trial, line: string, status: number): string {
  const outcome = trial.run(line);
  assert.equal(outcome.status, status, `${line}: ${outcome.stdout}${outcome.stderr}`);
  return outcome.stdout + outcome.stderr;
}

test("a scan says what each disk of a folder is, without any set-up and without writing", (t) => {
  const trial = volumeTrial(t);
  if (trial === null) return;
  trial.prepare("sha256sum disks/* > sums", "chmod 444 disks/*");
  trial.transcript(`
    $ lockstep scan disks
    DISK  VOLUME  SIZE  WHAT  PROTECTORS
    disks/gpt.raw  1  1.0 MiB  empty, as far as sampled
    disks/gpt.raw  2  16.0 MiB  LUKS2 aes-xts-plain64  keyslot 0
    disks/luks1.raw  16.0 MiB  LUKS1 aes-xts-plain64  keyslot 0
    disks/luks2.raw  16.0 MiB  LUKS2 aes-xts-plain64  keyslot 0
    disks/plain.raw  8.0 MiB  ext4 "root"
    $ lockstep scan disks/none.raw
    ! error: opening disks/none.raw: it is not there (ENOENT) [DISK_MISSING]
    ! hint: Check the path, and that the disk is attached or its file system mounted.
    [66]
    $ mkdir empty && lockstep scan empty
    There are no disks there.
    $ sha256sum --quiet -c sums
  `);
});

test("a scan goes on where one disk is damaged, and exits with 2", (t) => {
  const trial = volumeTrial(t);
  if (trial === null) return;
  const noGpt = "disks/nogpt.raw";
  trial.prepare(
    `cp disks/gpt.raw ${noGpt} && dd if=/dev/zero of=${noGpt} bs=512 seek=1 count=1 conv=notrunc status=none`,
    `truncate -s -1M ${noGpt} && truncate -s +1M ${noGpt}`,
    "dd if=/dev/urandom of=disks/luks1.raw bs=1 seek=104 count=100 conv=notrunc status=none",
  );
  const { stdout, stderr, status } = trial.run("lockstep scan disks");
  assert.deepEqual([status, stderr], [2, ""]);
  assert.match(
    stdout,
    /nogpt\.raw .* not looked at: partition table: the MBR stands for a GPT; its first copy .* missing/,
  );
  assert.match(stdout, /luks1\.raw .* not looked at: LUKS1 header: .* at byte 10\d/);
  assert.match(stdout, /plain\.raw .* ext4 "root"/);
});

test("with a list of secrets a scan says which line opens what, and no secret is in any output", (t) => {
  const trial = volumeTrial(t);
  if (trial === null) return;
  const { passphrase, second, wrong } = secrets;
  const rows = [
    "name,kind,secret,note",
    `,passphrase,${wrong},`,
    ",,042647-302313-590458-071500-554323-116567-412181-516978,of no volume here",
    `gpt,,"${passphrase}",quoted for its comma`,
    ",key-file,keyfile,",
  ];
  writeFileSync(trial.path("keys.csv"), `${rows.join("\n")}\n`);
  trial.prepare(
    `cryptsetup luksFormat -q --type luks2 ${cheap} --key-file second disks/plain.raw`,
    `cryptsetup luksAddKey -q ${cheap} --key-file pw.bare disks/luks2.raw keyfile`,
    "cryptsetup luksKillSlot -q --key-file keyfile disks/luks2.raw 0",
  );
  const lines = ["lockstep scan disks --keys keys.csv", "lockstep scan disks --keys keys.csv --json"];
  const [text = "", json = ""] = lines.map((line) => said(trial, line, 2));
  const rowOf = (disk: string): string => text.split("\n").find((line) => line.includes(`${disk}.raw`)) ?? "";
  assert.match(text, /4 secrets: at most 12 trials, less than 1 s/);
  assert.match(text.split("\n").find((line) => /gpt\.raw +2 /.test(line)) ?? "", /line 4 \(keyslot 0\)$/);
  assert.match(rowOf("luks1"), /line 4 \(keyslot 0\)$/);
  assert.match(rowOf("luks2"), /line 5 \(keyslot 1\)$/);
  assert.match(rowOf("plain"), /NO KEY: a backup of it could not be read$/);
  const keyBytes = readFileSync(trial.path("keyfile")).toString("latin1").slice(0, 8);
  for (const secret of [passphrase, second, wrong, "042647", keyBytes]) {
    for (const output of [text, json]) assert.ok(!output.includes(secret), secret);
  }
  writeFileSync(trial.path("keys.csv"), `secret\n"${passphrase}"\n`);
  assert.match(said(trial, "lockstep scan disks/gpt.raw disks/luks1.raw --keys keys.csv", 0), /line 2 \(keyslot 0\)/);
  writeFileSync(trial.path("keys.csv"), `secret\n"${passphrase}\n`);
  const broken = said(trial, "lockstep scan disks/gpt.raw --keys keys.csv", 64);
  assert.match(broken, /line 2: it is no CSV.*\[KEY_LIST_INVALID\]/);
  assert.ok(!broken.includes(passphrase));
});

test("disk inspect shows a tree, what opens each volume, and how little was read", (t) => {
  const trial = volumeTrial(t);
  if (trial === null) return;
  const uuid = trial.prepare("cryptsetup luksUUID disks/luks2.raw").trim();
  trial.transcript(`
    $ lockstep disk inspect disks/gpt.raw | sed 's/${uuid}/UUID/; s/^[0-9.]* [KM]iB of/SOME of/'
    disks/gpt.raw: 24.0 MiB, GPT, sectors of 512 bytes
    1 (Linux data): 1.0 MiB at byte 1048576: empty, as far as sampled
    2 (Linux data, "root"): 16.0 MiB at byte 4194304: LUKS2 aes-xts-plain64
    key of 512 bits, sectors of 512 bytes, UUID UUID
    keyslot 0: pbkdf2, 1,000 rounds, less than 1 s
    SOME of it were read.
    $ lockstep disk inspect disks
    ! error: opening DIR/disks: it is a folder [DISK_UNSUPPORTED]
    ! hint: Name a raw image file or a block device.
    [69]
  `);
  const { map } = trial.json("lockstep disk inspect disks/gpt.raw") as {
    map: { volumes: unknown[]; readBytes: number };
  };
  assert.partialDeepStrictEqual(map.volumes[1], {
    name: "2",
    stretches: [{ offsetBytes: 4 * 1024 * 1024, lengthBytes: 16 * 1024 * 1024 }],
    encrypted: { format: "luks2", uuid, state: "encrypted", protectors: [{ id: "keyslot 0" }], warnings: [] },
    failure: null,
  });
  assert.ok(map.readBytes < 2 * 1024 * 1024, `${map.readBytes} bytes were read`);

  trial.prepare("dd if=/dev/urandom of=disks/luks2.raw bs=512 seek=2 count=1 conv=notrunc status=none");
  assert.match(said(trial, "lockstep disk inspect disks/luks2.raw", 0), /warning: .* \[COPY_DAMAGED\]/);
  // The mark of a partition table, too: then nobody can tell which of the two is meant.
  trial.prepare("printf '\\125\\252' | dd of=disks/luks2.raw bs=1 seek=510 conv=notrunc status=none");
  const hint = /hint: (?:disk: )?If this is LUKS2: `cryptsetup repair` on a copy/;
  assert.match(said(trial, "lockstep disk inspect disks/luks2.raw", 2), hint);
  assert.match(said(trial, "lockstep volume check disks/luks2.raw --passphrase-file pw", 65), hint);
});

test("volume check names what the secret opens and what is inside; a wrong one exits with 77", (t) => {
  const trial = volumeTrial(t);
  if (trial === null) return;
  trial.prepare(`cryptsetup luksAddKey -q ${cheap} --key-file pw.bare disks/luks2.raw keyfile`, ": > nothing");
  trial.transcript(`
    $ lockstep volume check disks/luks2.raw --passphrase-file pw
    disks/luks2.raw, volume disk: opened by keyslot 0
    inside: ext4 "root"
    $ lockstep volume check disks/luks2.raw --key-file keyfile
    disks/luks2.raw, volume disk: opened by keyslot 1
    inside: ext4 "root"
    $ lockstep volume check disks/luks1.raw --passphrase-file pw
    disks/luks1.raw, volume disk: opened by keyslot 0
    inside: ext4 "root"
    $ lockstep volume check disks/gpt.raw --volume 2 --passphrase-file pw
    disks/gpt.raw, volume 2: opened by keyslot 0
    inside: ext4 "root"
    $ lockstep volume check disks/gpt.raw --volume 1 --passphrase-file pw
    ! error: volume 1 of DIR/disks/gpt.raw is not encrypted [VOLUME_MISSING]
    [66]
    $ lockstep volume check disks/gpt.raw --volume 7 --passphrase-file pw
    ! error: DIR/disks/gpt.raw has no volume 7; it has 1, 2 [VOLUME_MISSING]
    ! hint: \`lockstep disk inspect\` says what is on it.
    [66]
    $ lockstep volume check disks/gpt.raw --passphrase-file pw --key-file keyfile
    ! error: several secrets were given; one is tried [ARGUMENT_INVALID]
    [64]
    $ lockstep volume check disks/luks2.raw --passphrase-file nothing
    ! error: Opening a LUKS2 volume: the secret does not open keyslot 0, keyslot 1. [SECRET_REJECTED]
    ! hint: --passphrase-file takes the first line of a file without its end, --key-file all bytes of it, as cryptsetup does.
    [77]
  `);
  for (const [options, code, status] of [
    ["--passphrase-file wrong", "SECRET_REJECTED", 77],
    ["--passphrase-file pw --protector 'keyslot 1'", "SECRET_REJECTED", 77],
    ["--recovery-password-file pw", "SECRET_INVALID", 64],
    ["", "SECRET_REJECTED", 77],
  ] as const) {
    const words = said(trial, `lockstep volume check disks/luks2.raw ${options}`, status);
    assert.match(words, new RegExp(`\\[${code}\\]`));
    for (const secret of Object.values(secrets)) assert.ok(!words.includes(secret), words);
  }
});

test("a secret that costs more than is allowed is refused before it is tried", (t) => {
  const trial = volumeTrial(t);
  if (trial === null) return;
  const change = "luksChangeKey -q --pbkdf argon2id --pbkdf-force-iterations 4 --pbkdf-memory 65536 --pbkdf-parallel 1";
  trial.prepare(`cryptsetup ${change} --key-file pw.bare disks/luks2.raw second`);
  assert.match(
    said(trial, "lockstep volume check disks/luks2.raw --passphrase-file second --max-memory 32M", 77),
    /64(\.0)? MiB.*\[KDF_TOO_COSTLY\]/,
  );
  said(trial, "lockstep volume check disks/luks2.raw --passphrase-file second --max-memory 64M", 0);
});

test("a volume opens with a header that is kept apart, and nothing is said of that header's size", (t) => {
  const trial = volumeTrial(t);
  if (trial === null) return;
  trial.prepare(
    "cryptsetup luksHeaderBackup disks/luks2.raw --header-backup-file kept",
    "dd if=/dev/zero of=disks/luks2.raw bs=1M count=4 conv=notrunc status=none",
    "dd if=/dev/zero of=disks/gpt.raw bs=1M seek=4 count=4 conv=notrunc status=none",
  );
  trial.transcript(`
    $ lockstep volume check disks/luks2.raw --header kept --passphrase-file pw
    disks/luks2.raw, volume disk: opened by keyslot 0
    inside: ext4 "root"
    $ lockstep volume check disks/gpt.raw --volume 2 --header kept --passphrase-file pw
    disks/gpt.raw, volume 2: opened by keyslot 0
    inside: ext4 "root"
    $ lockstep volume check disks/luks2.raw --header pw --passphrase-file pw
    ! error: DIR/pw is no header of an encrypted volume [VOLUME_MISSING]
    [66]
  `);
});

test("volume decrypt gives the plaintext volume, to a file or to standard output and nothing else there", (t) => {
  const trial = volumeTrial(t);
  if (trial === null) return;
  const sum = (line: string): string => trial.prepare(`${line} | sha256sum`);
  const original = sum("cat disks/plain.raw");
  for (const disk of ["luks2.raw", "luks1.raw", "gpt.raw"]) {
    // The volume is longer than what was put into it.
    assert.equal(sum(`lockstep volume decrypt disks/${disk} --passphrase-file pw --to - | head -c 8M`), original, disk);
  }
  const whole = sum("lockstep volume decrypt disks/luks2.raw --passphrase-file pw --to -");
  trial.transcript(`
    $ lockstep volume decrypt disks/luks2.raw --passphrase-file pw --to plain
    disks/luks2.raw, volume disk: opened by keyslot 0, 12.0 MiB decrypted
    $ lockstep volume decrypt disks/luks2.raw --passphrase-file pw --to plain
    ! error: writing DIR/plain: it exists, or DIR/plain.lockstep-partial of another run does [TARGET_EXISTS]
    ! hint: Name a new file.
    [75]
    $ lockstep volume decrypt disks/luks2.raw --passphrase-file pw --to - --json
    {"error":{"code":"ARGUMENT_INVALID","kind":"invalid","message":"--json and --to - both want standard output"},"warnings":[]}
    [64]
    $ lockstep volume decrypt disks/luks2.raw --passphrase-file pw --to - > piped
    ! disks/luks2.raw, volume disk: opened by keyslot 0, 12.0 MiB decrypted
  `);
  assert.equal(sum("cat plain"), whole);
  assert.equal(sum("cat piped"), whole);
  assert.deepEqual(
    trial.run("lockstep volume decrypt disks/luks2.raw --passphrase-file wrong --to - | wc -c").stdout,
    "0\n",
  );
  trial.prepare(`echo '{"type":"clevis","keyslots":["0"]}' | cryptsetup token import disks/luks2.raw`);
  const { stderr } = trial.run("lockstep volume decrypt disks/luks2.raw --passphrase-file pw --to - > /dev/null");
  assert.match(stderr, /warning: token 0 \(clevis\) opens keyslot 0/, "what somebody should know of the volume");
});

test("a partial file of another run never shows through where the volume is zeros", (t) => {
  const trial = volumeTrial(t);
  if (trial === null) return;
  trial.prepare(
    "lockstep volume decrypt disks/luks2.raw --passphrase-file pw --to whole",
    "head -c 12M /dev/urandom > again.lockstep-partial",
    "lockstep volume decrypt disks/luks2.raw --passphrase-file pw --to again",
    "cmp whole again",
  );
});
