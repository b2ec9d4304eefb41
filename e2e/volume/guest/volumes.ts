import { writeFileSync } from "node:fs";

import { run } from "../../disk/rig.ts";
import type { Guest } from "./guest.ts";
import {
  KEY,
  NO_KEY,
  PASSPHRASE,
  close,
  convert,
  fill,
  fillAndSay,
  formatLuks1,
  formatLuks2,
  interrupted,
  open,
  sayContent,
} from "./steps.ts";

const MIB = 2 ** 20;

/** What of the kernel's own is known of a volume: its options, and what is in it. */
type Made = readonly [name: string, format: "luks1" | "luks2", options: string];

/** Volumes that are read here, with an ext4 file system in them. */
export const readable: readonly Made[] = [
  ["defaults", "luks2", "--luks2-keyslots-size 16352k --offset 32768"],
  ["argon2id", "luks2", "--pbkdf argon2id --pbkdf-force-iterations 4 --pbkdf-memory 16384 --pbkdf-parallel 2"],
  ["sectors-4096", "luks2", "--sector-size 4096"],
  ["serpent-xts", "luks2", "--cipher serpent-xts-plain64 --key-size 512"],
  ["twofish-xts", "luks2", "--cipher twofish-xts-plain64 --key-size 256 --sector-size 1024"],
  ["camellia-xts", "luks2", "--cipher camellia-xts-plain64 --key-size 512 --sector-size 4096"],
  ["essiv-2048", "luks2", "--cipher aes-cbc-essiv:sha256 --key-size 256 --sector-size 2048"],
  ["serpent-lrw-4096", "luks2", "--cipher serpent-lrw-benbi --key-size 384 --sector-size 4096"],
  ["kernel-name", "luks2", "--cipher 'capi:xts(aes)-plain64' --key-size 512"],
  ["other-keyslot", "luks2", "--keyslot-cipher twofish-cbc-essiv:sha256 --keyslot-key-size 256"],
  ["luks1-essiv", "luks1", "--cipher aes-cbc-essiv:sha256 --key-size 256 --hash sha1"],
  ["luks1-lrw", "luks1", "--cipher aes-lrw-benbi --key-size 384"],
  ["luks1-serpent", "luks1", "--cipher serpent-cbc-plain64 --key-size 256 --hash sha512"],
  ["luks1-twofish", "luks1", "--cipher twofish-lrw-benbi --key-size 256 --hash ripemd160"],
  ["luks1-plain64be", "luks1", "--cipher aes-cbc-plain64be --key-size 128"],
];

/** Volumes that the kernel reads and Lockstep does not. */
export const refused: readonly Made[] = [
  ["integrity", "luks2", "--integrity hmac-sha256"],
  ["aead", "luks2", "--cipher aegis128-random --key-size 128 --integrity aead"],
  ["adiantum", "luks2", "--cipher xchacha12,aes-adiantum-plain64 --key-size 256 --sector-size 4096"],
];

/** Conversions that were stopped in their midst, while the volume was in use. */
export const stopped: readonly (readonly [name: string, how: string])[] = [
  ["half-checksum", "--resilience checksum --hotzone-size 1M"],
  ["half-journal", "--resilience journal --hotzone-size 1M --cipher serpent-xts-plain64 --key-size 512"],
  ["half-none", "--resilience none --hotzone-size 1M --cipher aes-cbc-essiv:sha256 --key-size 256"],
];

/** Disks so slow that 12 MiB take some seconds. */
const SLOW = { writeBytesPerSecond: 2 * MIB };
const SLOW_BYTES = 14 * MIB;
/** So that there is room to note, or to keep, what is converted in one step. */
const ROOMY = "--luks2-keyslots-size 2016k";

/** Without a daemon that would name devices. */
const LVM_CONFIG = `
activation { udev_sync = 0 udev_rules = 0 }
devices { obtain_device_list_from_udev = 0 external_device_info_source = "none" scan = ["/dev"] }
global { locking_type = 1 use_lvmpolld = 0 event_activation = 0 }
`;

/** Puts all disks and jobs into a guest: each job has a volume's name. */
export function planVolumes(guest: Guest): void {
  guest.file(KEY, PASSPHRASE);
  guest.file(NO_KEY, "");
  guest.file("etc/lvm/lvm.conf", LVM_CONFIG);
  planConversions(guest);
  for (const [index, [name, format, options]] of [...readable, ...refused].entries()) {
    const { device } = guest.disk(name, (name === "defaults" ? 24 : 8) * MIB);
    const made = format === "luks1" ? formatLuks1(device, options) : formatLuks2(device, options);
    guest.job(name, index % 2 === 0 ? "even" : "odd", made, ...fillAndSay(device, name));
  }
  planLayers(guest);
}

/** Volumes that are elsewhere than at the start of a disk, or have something else in them than a file system. */
function planLayers(guest: Guest): void {
  const header = guest.disk("apart-header", 4 * MIB);
  const data = guest.disk("apart", 8 * MIB);
  const where = `--header ${header.device}`;
  guest.job(
    "apart",
    "odd",
    formatLuks2(data.device, `${where} --offset 0`),
    ...fillAndSay(data.device, "apart", where),
  );

  const table = guest.disk("partition", 16 * MIB);
  writeTable(table.path);
  const second = `${table.device}-2`;
  guest.job("partition", "odd", formatLuks2(second), ...fillAndSay(second, "partition"));

  const headless = guest.disk("headless", 4 * MIB);
  const plain = "--type plain --cipher aes-xts-plain64 --key-size 512 --keyfile-size 64 --key-file /bin/busybox";
  guest.job(
    "headless",
    "odd",
    `cryptsetup open -q ${plain} ${headless.device} headless`,
    "dd if=/dev/zero of=/dev/mapper/headless bs=1M count=4",
    sayContent("/dev/mapper/headless"),
    close("headless"),
  );

  const none = guest.disk("null-cipher", 8 * MIB);
  guest.job(
    "null-cipher",
    "odd",
    formatLuks2(none.device, "--cipher cipher_null-ecb --key-size 256", NO_KEY),
    `cryptsetup luksAddKey -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file ${NO_KEY} ${none.device} ${KEY}`,
    open(none.device, "null-cipher", "", NO_KEY),
    ...fill("/dev/mapper/null-cipher", "null-cipher"),
    sayContent("/dev/mapper/null-cipher"),
    close("null-cipher"),
  );

  const outer = guest.disk("lvm-inside", 14 * MIB);
  guest.job(
    "lvm-inside",
    "even",
    formatLuks2(outer.device),
    open(outer.device, "lvm-inside"),
    "lvm pvcreate -q /dev/mapper/lvm-inside",
    "lvm vgcreate -q -s 1M inside /dev/mapper/lvm-inside",
    "lvm lvcreate -q -y -Wn -Zn -L 6M -n root inside",
    ...fill("/dev/mapper/inside-root", "root"),
    "lvm vgchange -q -an inside",
    sayContent("/dev/mapper/lvm-inside"),
    close("lvm-inside"),
  );

  const group = guest.disk("lvm-outside", 24 * MIB);
  guest.job(
    "lvm-outside",
    "even",
    `lvm pvcreate -q $(readlink ${group.device})`,
    `lvm vgcreate -q -s 1M outside $(readlink ${group.device})`,
    "lvm lvcreate -q -y -Wn -Zn -L 5M -n secret outside",
    "lvm lvcreate -q -y -Wn -Zn -L 2M -n swap outside",
    "lvm lvextend -q -L +5M outside/secret", // in two pieces now
    "mkswap /dev/mapper/outside-swap",
    formatLuks2("/dev/mapper/outside-secret"),
    ...fillAndSay("/dev/mapper/outside-secret", "lvm-outside"),
    "lvm vgchange -q -an outside",
  );
}

/** Two partitions, both aligned. */
function writeTable(path: string): void {
  writeFileSync(`${path}.table`, "label: gpt\nstart=1MiB, size=2MiB\nstart=3MiB, size=10MiB\n");
  run("sh", "-c", `sfdisk --quiet ${path} <${path}.table`);
}

function planConversions(guest: Guest): void {
  for (const [name, how] of stopped) {
    const { device } = guest.disk(name, SLOW_BYTES, SLOW);
    const mapped = `/dev/mapper/${name}`;
    guest.job(
      name,
      name,
      formatLuks2(device, ROOMY),
      open(device, name),
      ...fill(mapped, name),
      sayContent(mapped, "before"),
      ...interrupted(device, convert(`${how} --active-name ${name}`), "TERM"),
      sayContent(mapped),
      close(name),
    );
  }

  const killed = guest.disk("killed", SLOW_BYTES, SLOW);
  guest.job(
    "killed",
    "killed",
    formatLuks2(killed.device, ROOMY),
    ...fillAndSay(killed.device, "killed"),
    ...interrupted(killed.device, convert(`--resilience checksum --hotzone-size 6M ${killed.device}`), "KILL"),
  );

  const encrypted = guest.disk("half-encrypted", SLOW_BYTES, SLOW);
  const mapped = "/dev/mapper/half-encrypted";
  guest.job(
    "half-encrypted",
    "half-encrypted",
    ...fill(encrypted.device, "half-encrypted", "8M"),
    "sync",
    convert(`--encrypt --type luks2 --reduce-device-size 4M --init-only ${encrypted.device} half-encrypted`),
    ...interrupted(encrypted.device, convert("--resume-only --active-name half-encrypted"), "TERM"),
    sayContent(mapped),
    close("half-encrypted"),
  );

  const kept = guest.disk("kept-header", 4 * MIB);
  const decrypted = guest.disk("half-decrypted", SLOW_BYTES, SLOW);
  const open2 = "/dev/mapper/half-decrypted";
  guest.job(
    "half-decrypted",
    "half-decrypted",
    formatLuks2(decrypted.device),
    open(decrypted.device, "half-decrypted"),
    ...fill(open2, "half-decrypted"),
    sayContent(open2, "before"),
    ...interrupted(
      decrypted.device,
      convert(`--decrypt --header /tmp/kept --hotzone-size 1M ${decrypted.device}`),
      "TERM",
    ),
    sayContent(open2),
    close("half-decrypted"),
    `dd if=/tmp/kept of=${kept.device} bs=64k`,
  );

  for (const [name, end] of [
    ["luks1-converted", null],
    ["luks1-stopped", "TERM"],
  ] as const) {
    const { device } = guest.disk(name, SLOW_BYTES, end === null ? {} : SLOW);
    const command = convert(`--use-directio --block-size 1 --cipher aes-cbc-essiv:sha256 --key-size 256 ${device}`);
    guest.job(
      name,
      name,
      "cd /tmp",
      formatLuks1(device),
      ...fillAndSay(device, name),
      ...(end === null ? [command] : interrupted(device, command, end)),
    );
  }
}
