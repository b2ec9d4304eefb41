import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";

import { Trial } from "../cli/trial.ts";
import { secrets, volumeTrial } from "../cli/volume-rig.ts";
import { sampleImages, skipUnless, unpacked } from "../volume/rig.ts";

const page = readFileSync(join(import.meta.dirname, "../../docs/json.md"), "utf8");

/** The members that docs/json.md lists for a command, in its order. */
function documented(command: string): string[] {
  const section = page.split(/^## /m).find((text) => text.startsWith(`lockstep ${command}\n`)) ?? "";
  const table = section.split("\n\n").find((part) => part.startsWith("|")) ?? "";
  return [...table.matchAll(/^\| `([^`]+)`/gm)].map(([, member = ""]) => member);
}

/** Volumes that cryptsetup made, three of them with the same passphrase, a list that has it, a vault, and a key store. */
function listTrial(t: TestContext): Trial | null {
  const trial = volumeTrial(t);
  if (trial === null) return null;
  writeFileSync(trial.path("keys.csv"), `name,secret\nfleet,"${secrets.passphrase}"\nold,${secrets.wrong}\n`);
  trial.prepare("rm config.toml", "lockstep init vault --key-file key --no-kit-check");
  t.after(() => trial.run("lockstep keystore seal"));
  return trial;
}

test("a list is stored and bound to what it opens, each value once, however often it is imported", (t) => {
  const trial = listTrial(t);
  if (trial === null) return;
  const table = `
    DISK  VOLUME  WHAT  KEY
    disks/gpt.raw  2  LUKS2 aes-xts-plain64  fleet/v1 (keyslot 0)
    disks/luks1.raw  LUKS1 aes-xts-plain64  fleet/v1 (keyslot 0)
    disks/luks2.raw  LUKS2 aes-xts-plain64  fleet/v1 (keyslot 0)`;
  trial.transcript(`
    $ lockstep key import keys.csv disks --quiet
    ${table}
    2 keys stored, 3 volumes matched, 0 volumes without a key
    $ lockstep key import keys.csv disks --quiet
    ${table}
    0 keys stored (2 were there), 3 volumes matched, 0 volumes without a key
  `);
  const said = trial.run("lockstep key show fleet; lockstep key show old").stdout;
  assert.match(said, /note: keys\.csv, line 2 \(fleet\)/);
  assert.match(said, /note: keys\.csv, line 3 \(old\); opened nothing that it was tried on/);
  assert.ok(!said.includes(secrets.passphrase) && !said.includes(secrets.wrong));
});

test("keys are called after the machines that the vault has, and their volumes", (t) => {
  const trial = listTrial(t);
  if (trial === null) return;
  writeFileSync(trial.path("more.csv"), `name,secret\nluks1,${secrets.second}\n`);
  trial.prepare(
    "lockstep protect web01 --disk root=disks/luks2.raw",
    "cryptsetup luksAddKey -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file pw.bare disks/luks1.raw second",
  );
  const only = trial.run("lockstep key import keys.csv disks/luks2.raw --only-matching --quiet");
  assert.match(only.stdout, /web01\/v1 \(keyslot 0\)\n1 key stored, 1 volume matched, 0 volumes without a key\n$/);
  const more = trial.run("lockstep key import more.csv disks/luks1.raw --quiet");
  assert.match(more.stdout, /luks1\/v1 \(keyslot 1\)/);
  const { found } = trial.json("lockstep key find web01") as { found: { bindings: { place: unknown }[] }[] };
  assert.deepEqual(found[0]?.bindings[0]?.place, { machine: "web01", disk: "root", volume: "disk" });
});

test("one version is bound, another does not open it, and match finds which does", (t) => {
  const trial = listTrial(t);
  if (trial === null) return;
  trial.prepare("lockstep key import keys.csv --quiet");
  const uuid = trial.prepare("cryptsetup luksUUID disks/luks1.raw").trim();
  trial.transcript(`
    $ lockstep key bind old/v1 disks/luks1.raw
    ! error: binding old/v1: Opening a LUKS1 volume: the secret does not open keyslot 0. [SECRET_REJECTED]
    ! hint: \`lockstep key match\` looks for the version that opens it.
    [77]
    $ lockstep key match disks/luks1.raw --dry-run
    disks/luks1.raw: 1 version to try, less than 1 s at the most
    $ lockstep key match disks/luks1.raw --quiet
    fleet/v1 opens disks/luks1.raw: keyslot 0.
    $ lockstep key bind fleet/v1 disks/gpt.raw --quiet
    fleet/v1 opens disks/gpt.raw, volume 2: keyslot 0.
    $ lockstep key match disks/luks1.raw --machine web01 --quiet
    fleet/v1 opens disks/luks1.raw: keyslot 0, as was known.
  `);
  for (const wanted of [uuid, uuid.toUpperCase(), uuid.slice(0, 8), "web01", "fleet"]) {
    assert.match(trial.prepare(`lockstep key find ${wanted}`), /^fleet\/v1: passphrase, usable$/m, wanted);
  }
  assert.equal(trial.run("lockstep key find nothing").status, 66);
});

test("a point's header is tried only after UUID and protector were compared, and a few times an hour", (t) => {
  const trial = listTrial(t);
  if (trial === null) return;
  trial.prepare("lockstep key import keys.csv --quiet", "lockstep protect web01 --disk disks/luks2.raw");
  trial.run("lockstep backup web01"); // red: nothing is bound
  const uuid = trial.prepare("cryptsetup luksUUID disks/luks2.raw").trim();
  const bind = (options: string) => trial.run(`lockstep key bind fleet/v1 --point web01 ${options}`);
  const unasked = bind("");
  assert.equal(unasked.status, 64);
  assert.match(unasked.stdout, new RegExp(`luks2, UUID ${uuid}\n  passphrase keyslot 0\n`));
  assert.match(unasked.stderr, /nobody can be asked .*\n {2}hint: .*--yes with --uuid and --protector/);
  assert.equal(bind(`--yes --uuid ${uuid}`).status, 64);
  const other = bind(`--yes --uuid 00000000-0000-0000-0000-000000000000 --protector 'keyslot 0'`);
  assert.deepEqual([other.status, /HEADER_MISMATCH/.test(other.stderr)], [75, true]);
  const compared = `--yes --uuid ${uuid} --protector 'keyslot 0'`;
  const bound = bind(compared);
  assert.equal(bound.status, 0, bound.stderr);
  assert.match(bound.stderr, /^Have its points opened with it: `lockstep check web01`/m);
  assert.match(bound.stdout, /^fleet\/v1 opens web01@\S+, disk luks2, volume disk: keyslot 0, as seen in a point\.$/m);
  const statuses = Array.from({ length: 6 }, () => bind(compared).status);
  assert.deepEqual(statuses, [0, 0, 0, 0, 0, 75]);
  assert.match(bind(compared).stderr, /RATE_LIMITED/);
});

test("what is gone from a live volume is said, and a person says that it is so", (t) => {
  const trial = listTrial(t);
  if (trial === null) return;
  trial.prepare(
    "lockstep key import keys.csv disks/luks1.raw --quiet",
    `cryptsetup luksAddKey -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file pw.bare disks/luks1.raw second`,
    "lockstep key add new --value-file second",
    "cryptsetup luksKillSlot -q --key-file second disks/luks1.raw 0",
  );
  const { stdout } = trial.run("lockstep key bind new/v1 disks/luks1.raw");
  const [, binding = ""] =
    /luks1\/v1 is bound to keyslot 0 of luks1, disk luks1, which is gone: lockstep key unbind ([0-9a-f]{32}) /.exec(
      stdout,
    ) ?? [];
  trial.prepare(`lockstep key unbind ${binding} --reason "killed the slot"`);
  assert.match(trial.prepare("lockstep key show luks1"), /keyslot 0, in points only/);
  const noBinding = trial.run("lockstep key unbind luks1/v1 --reason 'taken out of service'");
  assert.match(noBinding.stderr, /"luks1\/v1" is not the id of a binding.*\n {2}hint: `lockstep key show NAME` has/);
  assert.ok(!trial.prepare("lockstep key bind new/v1 disks/luks1.raw").includes("gone"));
});

test("every command prints the members that are documented for it, and no others", (t) => {
  const trial = listTrial(t);
  if (trial === null) return;
  const of = (line: string): Record<string, unknown> => {
    const { command, warnings, ...members } = trial.json(`lockstep ${line}`);
    assert.deepEqual(warnings, []);
    assert.deepEqual(Object.keys(members), documented(String(command)), line);
    return members;
  };
  of("key import keys.csv disks");
  of("key match disks/luks1.raw --dry-run");
  of("key match disks/luks1.raw");
  of("key find fleet");
  const { binding } = of("key bind fleet/v1 disks/luks2.raw") as { binding: { id: string } };
  of(`key unbind ${binding.id} --reason r`);
});

const twoRecovery = "bitlk-aes-xts-128-two-recovery";
const togo = "bitlk-togo-aes-xts-128";
const other = "bitlk-aes-cbc-128";

test("BitLocker: what Windows saved and what Active Directory exports opens volumes that Windows made", (t) => {
  const images = sampleImages(t, "bitlocker");
  if (images === null || skipUnless(t, "xz")) return;
  const expected = JSON.parse(readFileSync(join(images, "expected.json"), "utf8")) as Record<
    string,
    Record<string, string>
  >;
  const of = (image: string, member: string): string => expected[image]?.[member] ?? "";
  const trial = new Trial(t);
  mkdirSync(trial.path("disks"));
  for (const [name, image] of [
    ["dc01", twoRecovery],
    ["stick", togo],
  ] as const) {
    writeFileSync(trial.path("disks", `${name}.raw`), unpacked(join(images, `${image}.img.xz`)));
  }
  mkdirSync(trial.path("exports"));
  const saved = `Clé de récupération\r\n\r\n\t${of(togo, "RP_VMK_GUID").toUpperCase()}\r\n\r\n\t${of(togo, "RP")}\r\n`;
  writeFileSync(trial.path("exports/BitLocker Recovery Key.TXT"), Buffer.from(`\uFEFF${saved}`, "utf16le"));
  const dn = (image: string, member: string, computer: string): string =>
    `CN=2019-03-05T13:44:10\\+01:00{${of(image, member).toUpperCase()}},CN=${computer},OU=Servers,DC=example,DC=com`;
  writeFileSync(
    trial.path("exports/ad.csv"),
    `#TYPE Microsoft.ActiveDirectory.Management.ADObject\r\n"DistinguishedName","msFVE-RecoveryPassword"\r\n` +
      `"${dn(twoRecovery, "RP2_VMK_GUID", "DC01")}","${of(twoRecovery, "RP2")}"\r\n` +
      `"${dn(other, "RP_VMK_GUID", "GONE")}","${of(other, "RP")}"\r\n`,
  );
  trial.prepare("lockstep init vault --key-file key --no-kit-check");
  t.after(() => trial.run("lockstep keystore seal"));
  const imported = trial.prepare("lockstep key import exports disks --quiet");
  const id = (image: string, member: string): string => of(image, member).slice(0, 8).toUpperCase();
  assert.match(imported, new RegExp(`dc01/v1 \\(recovery password ${id(twoRecovery, "RP2_VMK_GUID")}\\)`));
  assert.match(imported, new RegExp(`stick/v1 \\(recovery password ${id(togo, "RP_VMK_GUID")}\\)`));
  assert.match(imported, /^3 keys stored, 2 volumes matched, 0 volumes without a key$/m);
  for (const [wanted, key] of [
    [id(twoRecovery, "RP2_VMK_GUID"), "dc01/v1"],
    [`'{${of(togo, "RP_VMK_GUID")}}'`, "stick/v1"],
    [of(twoRecovery, "GUID"), "dc01/v1"],
    [id(other, "RP_VMK_GUID"), "gone/v1"],
  ] as const) {
    assert.match(
      trial.prepare(`lockstep key find ${wanted}`),
      new RegExp(`^${key}: recovery password, usable$`, "m"),
      wanted,
    );
  }
});
