import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test, type TestContext } from "node:test";

import { Secret } from "#bytes/secret.ts";

import { Trial } from "../cli/trial.ts";
import { Guest, guestNeeds } from "./guest/guest.ts";
import type { GuestReport } from "./guest/guest.ts";
import { PASSPHRASE } from "./guest/steps.ts";
import { planVolumes, readable, refused, stopped } from "./guest/volumes.ts";
import { bytesOf, plaintextOf } from "./luks2-rig.ts";

const folder = mkdtempSync(join(tmpdir(), "lockstep-e2e-guest-"));
after(() => rmSync(folder, { recursive: true }));
const key = join(folder, "key");
writeFileSync(key, PASSPHRASE);

const missing = guestNeeds();
const report = missing === null ? await bootGuest() : null;

/** Makes all volumes, in one boot. */
async function bootGuest(): Promise<GuestReport> {
  const guest = new Guest(folder);
  planVolumes(guest);
  return guest.run();
}

/** What a job said. Skips the test, and says so, where no guest can be run: null. */
function said(t: TestContext, job: string, name: string): string | null {
  if (report === null) {
    console.error(`NOT TESTED: ${t.name}: needs ${missing}`);
    t.skip(`needs ${missing}`);
    return null;
  }
  const log = report.console.split("\n").filter((line) => line.includes(`${job}: `));
  assert.equal(report.said.get(`${job} status`), "done", `in the guest: ${log.join("\n")}`);
  return report.said.get(`${job} ${name}`) ?? null;
}

function image(name: string): string {
  return join(folder, `${name}.img`);
}

/** A folder to try Lockstep in, not set up for anything. */
function newTrial(t: TestContext): Trial {
  const trial = new Trial(t);
  writeFileSync(trial.path("config.toml"), "");
  return trial;
}

/** Opens a volume with the passphrase, by a command. */
function withKey(trial: Trial, command: string, name: string, more = ""): ReturnType<Trial["run"]> {
  return trial.run(`lockstep volume ${command} ${image(name)} --key-file ${key} ${more}`);
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** The SHA-256 of a volume as Lockstep decrypts it. */
function decrypted(trial: Trial, name: string, more = ""): string {
  const { status, stderr } = withKey(trial, "decrypt", name, `--to plain ${more}`);
  assert.equal(status, 0, `${name}: ${stderr}`);
  return sha256(readFileSync(trial.path("plain")));
}

/** What `disk inspect` says. */
function inspected(trial: Trial, name: string): string {
  return trial.prepare(`lockstep disk inspect ${image(name)}`);
}

for (const [name, , options] of readable) {
  test(`${name}: a volume that the kernel filled reads as the kernel reads it (${options})`, (t) => {
    const content = said(t, name, "content");
    if (content === null) return;
    const trial = newTrial(t);
    assert.equal(decrypted(trial, name), content);
    const { status, stdout } = withKey(trial, "check", name);
    assert.equal(status, 0);
    assert.match(stdout, new RegExp(`opened by keyslot 0\\ninside: ext4 "${name}"`));
  });
}

for (const [name, reason] of [
  ["integrity", /integrity tags \(hmac\(sha256\)\), which are not read here/],
  ["aead", /integrity tags \(aead\), which are not read here/],
  ["adiantum", /adiantum.*wide-block ciphers are not read here/],
] as const) {
  test(`${name}: a volume that only the kernel reads is shown, and refused for its reason`, (t) => {
    if (said(t, name, "content") === null) return;
    assert.ok(refused.some(([each]) => each === name));
    const trial = newTrial(t);
    assert.match(inspected(trial, name), /unreadable/);
    assert.match(inspected(trial, name), reason);
    const { status, stderr } = withKey(trial, "decrypt", name, "--to plain");
    assert.equal(status, 69, stderr);
    assert.match(stderr, reason);
  });
}

test("a null cipher is said to be no encryption, and only the empty passphrase opens it", async (t) => {
  const content = said(t, "null-cipher", "content");
  if (content === null) return;
  const trial = newTrial(t);
  const shown = inspected(trial, "null-cipher");
  assert.match(shown, /NULL_CIPHER/);
  assert.match(shown, /NOT_ENCRYPTED/);
  const { status, stderr } = withKey(trial, "decrypt", "null-cipher", "--to plain");
  assert.equal(status, 77);
  assert.match(stderr, /null cipher/);
  const nothing = { kind: "passphrase", secret: new Secret(new Uint8Array()) } as const;
  assert.equal(sha256(await plaintextOf(bytesOf(image("null-cipher")), nothing)), content);
});

for (const [name, how] of stopped) {
  test(`${name}: a volume that is half re-encrypted reads as the kernel reads it (${how})`, (t) => {
    const content = said(t, name, "content");
    if (content === null) return;
    assert.equal(content, said(t, name, "before"));
    const trial = newTrial(t);
    const shown = inspected(trial, name);
    const percent = /converting (\d+) %/.exec(shown)?.[1];
    assert.ok(Number(percent) > 0 && Number(percent) < 100, shown);
    assert.match(shown, /being converted \(reencrypt, forward/);
    assert.equal(decrypted(trial, name), content);
    assert.match(withKey(trial, "check", name).stdout, new RegExp(`ext4 "${name}"`));
  });
}

test("a volume whose re-encryption was killed while it wrote is opened, and refused for those sectors", (t) => {
  if (said(t, "killed", "content") === null) return;
  const trial = newTrial(t);
  assert.match(inspected(trial, "killed"), /converting.*\n(.*\n)*.*it was taken while a part was being written/);
  const checked = withKey(trial, "check", "killed");
  assert.equal(checked.status, 3, checked.stderr);
  assert.match(checked.stdout, /opened by keyslot/);
  const { status, stderr } = withKey(trial, "decrypt", "killed", "--to plain");
  assert.equal(status, 69);
  assert.match(stderr, /bytes \d+ to \d+ were being written .* resilience checksum/);
});

test("a disk that is half encrypted in place reads as the kernel reads it", (t) => {
  const content = said(t, "half-encrypted", "content");
  if (content === null) return;
  const trial = newTrial(t);
  assert.match(inspected(trial, "half-encrypted"), /being converted \(encrypt, backward, resilience datashift\)/);
  assert.equal(decrypted(trial, "half-encrypted"), content);
});

test("a volume that is half decrypted reads as the kernel reads it, with the header that is kept apart", (t) => {
  const content = said(t, "half-decrypted", "content");
  if (content === null) return;
  assert.equal(content, said(t, "half-decrypted", "before"));
  const trial = newTrial(t);
  assert.match(inspected(trial, "kept-header"), /being converted \(decrypt, forward/);
  assert.equal(decrypted(trial, "half-decrypted", `--header ${image("kept-header")}`), content);
});

test("a LUKS1 volume that was re-encrypted reads as before", (t) => {
  const content = said(t, "luks1-converted", "content");
  if (content === null) return;
  const trial = newTrial(t);
  assert.match(inspected(trial, "luks1-converted"), /LUKS1 aes-cbc-essiv:sha256\n/);
  assert.equal(decrypted(trial, "luks1-converted"), content);
});

test("a LUKS1 volume whose re-encryption was stopped is known as such, and refused", (t) => {
  if (said(t, "luks1-stopped", "content") === null) return;
  const trial = newTrial(t);
  assert.match(
    inspected(trial, "luks1-stopped"),
    /LUKS1 .*, converting\n(.*\n)*.*cannot be read here: an offline re-encryption/,
  );
  const { status, stderr } = withKey(trial, "decrypt", "luks1-stopped", "--to plain");
  assert.equal(status, 69);
  assert.match(stderr, /offline re-encryption/);
});

test("a volume whose header is on another disk opens with it", (t) => {
  const content = said(t, "apart", "content");
  if (content === null) return;
  assert.equal(decrypted(newTrial(t), "apart", `--header ${image("apart-header")}`), content);
});

test("a volume in a partition is found there", (t) => {
  const content = said(t, "partition", "content");
  if (content === null) return;
  const trial = newTrial(t);
  assert.match(inspected(trial, "partition"), /GPT.*\n(.*\n)* {2}2 .*at byte 3145728: LUKS2/);
  assert.equal(decrypted(trial, "partition", "--volume 2"), content);
});

test("an encrypted disk without a header looks like ciphertext, which is called a guess", (t) => {
  if (said(t, "headless", "content") === null) return;
  const trial = newTrial(t);
  assert.match(inspected(trial, "headless"), /unknown; a guess: ciphertext/);
  assert.equal(withKey(trial, "decrypt", "headless", "--to plain").status, 66);
});

test("logical volumes in an encrypted volume are found when it is opened", (t) => {
  const content = said(t, "lvm-inside", "content");
  if (content === null) return;
  const trial = newTrial(t);
  assert.equal(decrypted(trial, "lvm-inside"), content);
  assert.match(withKey(trial, "check", "lvm-inside").stdout, /inside: LVM2_member "inside"/);
  assert.match(trial.prepare("lockstep disk inspect plain"), /disk\/root: 6\.0 MiB .*ext4 "root"/);
});

test("an encrypted logical volume in two pieces reads as the kernel reads it", (t) => {
  const content = said(t, "lvm-outside", "content");
  if (content === null) return;
  const trial = newTrial(t);
  assert.match(inspected(trial, "lvm-outside"), /disk\/secret: 10\.0 MiB .*LUKS2/);
  assert.equal(decrypted(trial, "lvm-outside", "--volume disk/secret"), content);
});
