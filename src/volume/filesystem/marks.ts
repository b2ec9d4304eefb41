import { Fields } from "#volume/filesystem/fields.ts";
import { noCopy, type ContentFormat, type Recognised } from "#volume/filesystem/recognised.ts";
import { readUpTo, type VolumeSource } from "#volume/source/source.ts";

type Mark = {
  readonly type: string;
  readonly kind: Recognised["kind"];
  readonly offsetBytes: number;
  /** Characters of one byte each. */
  readonly mark: string;
};

const KIB = 1024;
const MIB = 1024 * KIB;

/** Of 4 bytes at least: shorter ones appear by chance. */
const marks: readonly Mark[] = [
  { type: "apfs", kind: "member", offsetBytes: 32, mark: "NXSB" },
  { type: "refs", kind: "file system", offsetBytes: 3, mark: "ReFS\0\0\0\0" },
  { type: "squashfs", kind: "file system", offsetBytes: 0, mark: "hsqs" },
  { type: "iso9660", kind: "file system", offsetBytes: 32 * KIB, mark: "\x01CD001" },
  { type: "udf", kind: "file system", offsetBytes: 32 * KIB, mark: "\0BEA01" },
  {
    type: "bcache",
    kind: "member",
    offsetBytes: 4 * KIB + 24,
    mark: "\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81",
  },
  { type: "linux_raid_member", kind: "member", offsetBytes: 0, mark: "\xfc\x4e\x2b\xa9\x01\0\0\0" },
  { type: "linux_raid_member", kind: "member", offsetBytes: 4 * KIB, mark: "\xfc\x4e\x2b\xa9\x01\0\0\0" },
  { type: "f2fs", kind: "file system", offsetBytes: KIB, mark: "\x10\x20\xf5\xf2" },
  { type: "erofs", kind: "file system", offsetBytes: KIB, mark: "\xe2\xe1\xf5\xe0" },
  { type: "hfsplus", kind: "file system", offsetBytes: KIB, mark: "H+\0\x04" },
  { type: "hfsplus", kind: "file system", offsetBytes: KIB, mark: "HX\0\x05" },
  { type: "jfs", kind: "file system", offsetBytes: 32 * KIB, mark: "JFS1" },
  { type: "reiserfs", kind: "file system", offsetBytes: 64 * KIB + 52, mark: "ReIsEr" },
  { type: "gfs2", kind: "file system", offsetBytes: 64 * KIB, mark: "\x01\x16\x19\x70\0\0\0\x01" },
  { type: "ocfs2", kind: "file system", offsetBytes: 8 * KIB, mark: "OCFSV2" },
  { type: "VMFS_volume_member", kind: "member", offsetBytes: MIB, mark: "\x0d\xd0\x01\xc0" },
  { type: "VMFS", kind: "file system", offsetBytes: 2 * MIB, mark: "\x5e\xf1\xab\x2f" },
];

/** Formats that are told by their mark alone and not read further. */
export const otherMarks: ContentFormat = {
  name: "others",
  async find(source, signal) {
    for (const { type, kind, offsetBytes, mark } of marks) {
      const bytes = await readUpTo(source, offsetBytes, mark.length, signal);
      if (new Fields(bytes).is(0, mark)) return byMark(type, kind, offsetBytes);
    }
    return (await findZfs(source, signal)) ?? findRaidAtEnd(source, signal);
  },
  findCopy: noCopy,
};

/** Uberblocks of the first label: a ring of 128 KiB of pieces of 1 KiB or more, in either byte order. */
async function findZfs(source: VolumeSource, signal: AbortSignal): Promise<Recognised | null> {
  const ring = new Fields(await readUpTo(source, 128 * KIB, 128 * KIB, signal));
  for (let at = 0; at + 8 <= ring.bytes.length; at += KIB) {
    if (ring.is(at, "\x0c\xb1\xba\0\0\0\0\0") || ring.is(at, "\0\0\0\0\0\xba\xb1\x0c")) {
      return byMark("zfs_member", "member", 128 * KIB + at);
    }
  }
  return null;
}

/** Linux RAID metadata 1.0 lies 8 to 12 KiB before the end, 0.90 in the last whole 64 KiB but one. */
async function findRaidAtEnd(source: VolumeSource, signal: AbortSignal): Promise<Recognised | null> {
  const sectors = Math.floor(source.sizeBytes / 512);
  const newAt = Math.floor((sectors - 16) / 8) * 8 * 512;
  const oldAt = Math.floor(source.sizeBytes / (64 * KIB)) * 64 * KIB - 64 * KIB;
  for (const [offsetBytes, mark] of [
    [newAt, "\xfc\x4e\x2b\xa9\x01\0\0\0"],
    [oldAt, "\xfc\x4e\x2b\xa9\0\0\0\0"],
    [oldAt, "\xa9\x2b\x4e\xfc\0\0\0\0"],
  ] as const) {
    if (offsetBytes <= 0) continue;
    const bytes = await readUpTo(source, offsetBytes, mark.length, signal);
    if (new Fields(bytes).is(0, mark)) return byMark("linux_raid_member", "member", offsetBytes);
  }
  return null;
}

function byMark(type: string, kind: Recognised["kind"], offsetBytes: number): Recognised {
  return {
    kind,
    type,
    variant: null,
    label: null,
    uuid: null,
    sizeBytes: null,
    verified: "magic only",
    copy: { which: "first", offsetBytes },
    problems: [],
    lvm: null,
  };
}
