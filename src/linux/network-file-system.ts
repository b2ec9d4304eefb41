import { statfs } from "node:fs/promises";

/** `f_type` of file systems that lie on another machine, or may (statfs(2); the kernel's fs and uapi headers). */
const network = new Set([
  0x6969, // NFS
  0x517b, // SMB
  0xff534d42, // CIFS
  0xfe534d42, // SMB2 and later
  0x65735546, // FUSE: sshfs, s3fs and virtiofs among others
  0x01021997, // 9P
  0x00c36400, // Ceph
  0x5346414f, // OpenAFS
  0x6b414653, // AFS of the kernel
  0x0bd00bd0, // Lustre
  0x47504653, // GPFS
]);

/** Whether a folder lies on a network file system; false where the kernel does not say. */
export async function isOnNetwork(folder: string): Promise<boolean> {
  try {
    const { type } = await statfs(folder);
    return isNetworkType(type);
  } catch {
    return false;
  }
}

/** Whether an `f_type` is that of a network file system. Some are negative where the kernel's word has 32 bits. */
export function isNetworkType(type: number): boolean {
  return network.has(type >>> 0);
}
