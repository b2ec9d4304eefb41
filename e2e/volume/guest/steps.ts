/** What opens all volumes that the guest makes. */
export const PASSPHRASE = "open sesame, it is raining";
/** Where the guest's jobs find it, without the end of a line. */
export const KEY = "/key";
/** A key file with nothing in it. */
export const NO_KEY = "/no-key";

const quickKdf = "--pbkdf pbkdf2 --pbkdf-force-iterations 1000";
const smallHeader = "--luks2-metadata-size 16k --luks2-keyslots-size 512k";

/** Makes a LUKS2 volume. @param options  of cryptsetup; what comes later wins */
export function formatLuks2(device: string, options = "", key = KEY): string {
  return `cryptsetup luksFormat -q --type luks2 ${quickKdf} ${smallHeader} --offset 4096 ${options} ${device} ${key}`;
}

export function formatLuks1(device: string, options = ""): string {
  return `cryptsetup luksFormat -q --type luks1 ${quickKdf} ${options} ${device} ${KEY}`;
}

export function open(device: string, name: string, options = "", key = KEY): string {
  return `cryptsetup open -q --key-file ${key} ${options} ${device} ${name}`;
}

export function close(name: string): string {
  return `cryptsetup close ${name}`;
}

/** An ext4 file system, named like its device, with files in it. @param options  of mkfs.ext4, the size behind the device */
export function fill(device: string, label: string, size = ""): string[] {
  return [
    `mkfs.ext4 -q -L ${label} ${device} ${size}`,
    `mkdir -p /mnt/${label}`,
    `mount -t ext4 ${device} /mnt/${label}`,
    `seq 1 9000 >/mnt/${label}/numbers`,
    `cp /bin/busybox /mnt/${label}/program`,
    `umount /mnt/${label}`,
  ];
}

/** Says what the kernel reads there, all of it: its SHA-256. */
export function sayContent(device: string, as = "content"): string {
  return `say ${as} "$(sha256sum <${device} | cut -c 1-64)"`;
}

/** A volume with a file system in it, opened, filled, told of and closed. */
export function fillAndSay(device: string, name: string, options = ""): string[] {
  const mapped = `/dev/mapper/${name}`;
  return [open(device, name, options), ...fill(mapped, name), sayContent(mapped), close(name)];
}

/** Re-encrypts and so on. @param rest  what to convert and to what */
export function convert(rest: string): string {
  return `cryptsetup reencrypt -q ${quickKdf} --key-file ${KEY} ${rest}`;
}

/**
 * Begins something that writes to a disk, and ends it by a signal when it has written 4 MiB. The disk must be so slow that it
 * is not done by then.
 */
export function interrupted(device: string, command: string, signal: "TERM" | "KILL"): string[] {
  // Without a process for each look: they are dear in emulation.
  const look = `read -r _ _ _ _ _ _ written _ </sys/block/$disk/stat`;
  return [
    "sync",
    `disk=$(basename "$(readlink ${device})")`,
    look,
    "until=$((written + 8192))",
    `${command} & pid=$!`,
    `while [ $written -lt $until ] && kill -0 $pid; do sleep 0.2; ${look}; done`,
    `kill -${signal} $pid`,
    "wait $pid || true",
  ];
}
