/** A device number of stat(2) as the kernel prints it, such as `8:1` (glibc's gnu_dev_major, gnu_dev_minor). */
export function deviceNumber(device: bigint): string {
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n);
  const minor = (device & 0xffn) | ((device >> 12n) & 0xffffff00n);
  return `${major}:${minor}`;
}

/** The same for a number that the kernel printed in hexadecimal, such as `fe:00`. */
export function deviceNumberFromHex(text: string): string {
  return text
    .split(":")
    .map((part) => String(Number.parseInt(part, 16)))
    .join(":");
}

/** The reverse: stat(2)'s number of what the kernel prints as `8:1` (glibc's gnu_dev_makedev). */
export function deviceId(number: string): bigint {
  const [major = 0n, minor = 0n] = number.split(":").map(BigInt);
  return ((major & 0xfffn) << 8n) | ((major & ~0xfffn) << 32n) | (minor & 0xffn) | ((minor & ~0xffn) << 12n);
}
