import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";

import { cheap, volumeTrial } from "./volume-rig.ts";

test("backups say that a disk is not encrypted, and what changed in a header", (t) => {
  const trial = volumeTrial(t);
  if (trial === null) return;
  trial.prepare(
    "rm config.toml && lockstep init vault --key-file key --no-key-store",
    "lockstep protect web01 --disk disks/gpt.raw",
    "lockstep protect app01 --disk disks/plain.raw",
    "lockstep backup web01",
    "cp disks/gpt.raw first.raw",
  );
  const change = (line: string): string => {
    const at = "bs=1M conv=notrunc status=none";
    const back = `dd if=volume.raw of=disks/gpt.raw seek=4 ${at}`;
    return `dd if=disks/gpt.raw of=volume.raw skip=4 count=16 bs=1M status=none && ${line} && ${back} && lockstep backup web01`;
  };
  trial.transcript(`
    $ lockstep backup app01 | sed 's/ .*//'
    app01@TIME
    ! warning: app01: disk plain is not encrypted [DISK_NOT_ENCRYPTED]
    $ ${change(`cryptsetup luksAddKey -q ${cheap} --key-file pw.bare volume.raw second`)} | sed 's/ .*//'
    web01@TIME
    ! warning: web01: disk gpt, volume 2: header changed since the last point (keyslot 1 added) [HEADER_CHANGED]
    $ ${change(`cryptsetup luksChangeKey -q ${cheap} --key-slot 1 --key-file second volume.raw keyfile`)} | sed 's/ .*//'
    web01@TIME
    ! warning: web01: disk gpt, volume 2: header changed since the last point (keyslot 1 changed) [HEADER_CHANGED]
    $ ${change("cryptsetup luksKillSlot -q --key-file pw.bare volume.raw 1")} | sed 's/ .*//'
    web01@TIME
    ! warning: web01: disk gpt, volume 2: header changed since the last point (keyslot 1 removed) [HEADER_CHANGED]
    $ ${change(`echo '{"type":"clevis","keyslots":["0"]}' | cryptsetup token import --token-id 0 volume.raw`)} | sed 's/ .*//'
    web01@TIME
    ! warning: web01: disk gpt, volume 2: token 0 (clevis) opens keyslot 0: a way in that is not held here [VOLUME_WARNING]
    ! warning: web01: disk gpt, volume 2: header changed since the last point [HEADER_CHANGED]
    $ lockstep backup web01 | sed 's/ .*//'
    web01@TIME
  `);
  const { machines } = trial.json("lockstep backup app01") as { machines: unknown };
  assert.partialDeepStrictEqual(machines, [{ machine: "app01", error: null }]);

  const [oldest = "", second = ""] = inOrder(trial.json("lockstep point list"));
  const shown = trial.prepare(`lockstep point show ${second}`);
  assert.match(shown, /\ndisk gpt: 24\.0 MiB, GPT, sectors of 512 bytes\n/);
  assert.match(shown, /  2 \(Linux data, "root"\): 16\.0 MiB at byte 4194304: LUKS2 aes-xts-plain64\n/);
  assert.match(shown, /      keyslot 1: pbkdf2, 1,000 rounds, less than 1 s\n/);
  const { point } = trial.json(`lockstep point show ${second}`);
  assert.partialDeepStrictEqual(point, { volumes: [{ disk: "gpt", failure: null, map: { table: { kind: "gpt" } } }] });
  const differ = trial.prepare(`lockstep point diff ${oldest} ${second}`);
  assert.match(differ, /\ndisk gpt, volume 2: header changed since the last point \(keyslot 1 added\)\n/);
  assert.deepEqual(trial.json(`lockstep point diff ${oldest} ${second}`)["volumes"], [
    {
      code: "HEADER_CHANGED",
      message: "disk gpt, volume 2: header changed since the last point (keyslot 1 added)",
    },
  ]);
});

/** The ids of web01's points, the oldest first. */
function inOrder(document: Record<string, unknown>): readonly string[] {
  const points = document["points"] as readonly { id: string; machine: string; capturedAt: string }[];
  return points
    .filter(({ machine }) => machine === "web01")
    .toSorted((a, b) => Temporal.Instant.compare(a.capturedAt, b.capturedAt))
    .map(({ id }) => id);
}

test("a stored header opens a volume whose own is gone, and goes back only where it belongs", (t) => {
  const trial = volumeTrial(t);
  if (trial === null) return;
  trial.prepare(
    "rm config.toml && lockstep init vault --key-file key --no-key-store",
    "lockstep protect web01 --disk disks/luks2.raw",
    "lockstep backup web01",
    "cp disks/luks2.raw original.raw",
    "dd if=/dev/zero of=disks/luks2.raw bs=1M count=4 conv=notrunc status=none && cp disks/luks2.raw wiped.raw",
    "truncate -s 16M other.raw && head -c 512 /dev/urandom > k2",
    `cryptsetup luksFormat -q --type luks2 ${cheap} --key-file k2 other.raw && cp other.raw other.copy`,
  );
  trial.transcript(`
    $ lockstep point header web01 --to kept
    web01@TIME, disk luks2, volume disk: 282.0 KiB of header written to kept
    $ lockstep point header web01 --to kept
    ! error: writing DIR/kept: it exists, or DIR/kept.lockstep-partial of another run does [TARGET_EXISTS]
    ! hint: Name a new file.
    [75]
    $ lockstep point header web01 --volume 3 --to kept3
    ! error: no such header was stored with the point; it has those of disk [VOLUME_MISSING]
    ! hint: \`lockstep point show\` says what volumes its disks had.
    [66]
    $ lockstep volume check disks/luks2.raw --passphrase-file pw
    ! error: DIR/disks/luks2.raw has no encrypted volume; it has disk [VOLUME_MISSING]
    ! hint: \`lockstep disk inspect\` says what is on it.
    [66]
    $ lockstep volume check disks/luks2.raw --header kept --passphrase-file pw
    disks/luks2.raw, volume disk: opened by keyslot 0
    inside: ext4 "root"
    $ lockstep volume header-restore disks/luks2.raw --from kept
    ! error: volume disk of DIR/disks/luks2.raw has no readable header, so nothing there says whether this one belongs to it [HEADER_MISMATCH]
    ! hint: Give a secret that opens it, such as --passphrase-file: what is inside then shows that.
    [75]
    $ lockstep volume header-restore disks/luks2.raw --from kept --passphrase-file wrong 2>&1 | grep -o '\\[[A-Z_]*\\]'
    [SECRET_REJECTED]
    $ lockstep volume header-restore disks/plain.raw --from kept --passphrase-file pw
    ! error: volume disk of DIR/disks/plain.raw is not encrypted: it holds ext4 [HEADER_MISMATCH]
    [75]
    $ lockstep volume header-restore other.raw --from kept --passphrase-file pw 2>&1 | grep -o '\\[[A-Z_]*\\]'
    [HEADER_MISMATCH]
    $ cmp disks/luks2.raw wiped.raw && cmp other.raw other.copy
  `);
  assert.deepEqual(
    readdirSync(trial.folder).filter((name) => name.includes("overwritten")),
    [],
    "nothing was kept, for nothing was overwritten",
  );
  trial.transcript(`
    $ lockstep volume header-restore disks/luks2.raw --from kept --passphrase-file pw --keep old
    disks/luks2.raw, volume disk: header of 282.0 KiB put back; the secret shows that it belongs there
    What was there is in DIR/old
    $ lockstep volume check disks/luks2.raw --passphrase-file pw
    disks/luks2.raw, volume disk: opened by keyslot 0
    inside: ext4 "root"
    $ cmp -n 288768 disks/luks2.raw original.raw && cmp -n 288768 old wiped.raw
    $ lockstep volume header-restore disks/luks2.raw --from kept --keep old2
    disks/luks2.raw, volume disk: header of 282.0 KiB put back; the header on the disk shows that it belongs there
    What was there is in DIR/old2
    $ lockstep volume decrypt disks/luks2.raw --passphrase-file pw --to - 2> notes | head -c 8M | cmp - disks/plain.raw
  `);
});
