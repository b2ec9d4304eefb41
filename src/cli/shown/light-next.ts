import type { PointLight } from "#ops/points/point-light.ts";
import type { LightReason } from "#policy/light.ts";

/** What to do before one relies on a point with that reason. @param point  as people name it; @param machine  its machine */
type Next = (point: string, machine: string) => string;

const next: Readonly<Record<LightReason["code"], Next>> = {
  BYTES_DAMAGED: (point) =>
    `\`lockstep check ${point} --read-data\` says what is damaged; take another point where that matters`,
  BYTES_NOT_CHECKED: (point) => `\`lockstep check ${point} --read-data\` reads every byte of it`,
  TORN: (_, machine) =>
    `take a point that is not torn (\`lockstep point list ${machine}\`), or have its file systems repaired after it`,
  NOT_KNOWN: (point) =>
    `\`lockstep point show ${point}\` says what was found; try the restored copy before you need it`,
  NOT_TRIED: (point) =>
    `\`lockstep check ${point}\` has the key side open it; where there is none, \`lockstep keystore init\` makes one`,
  NOT_TRIED_LATELY: (point) => `\`lockstep check ${point}\` has the key side open it again`,
  NOT_BOUND: () =>
    "`lockstep key match` finds its key among those that are held; the key of back then may be elsewhere",
  VERSION_UNUSABLE: () => "`lockstep key list` shows what became of the version, `lockstep key set` has it used again",
  KEY_REJECTED: () => "`lockstep key match` finds another key that opens it",
  HEADER_DAMAGED: (_, machine) =>
    `take the header of another point: \`lockstep point header ${machine}@DATE --to FILE\``,
  CONTENT_DAMAGED: () => "expect to repair its file system",
  UNSUPPORTED: () => "start a restored copy, since nothing here can open it",
  UNPROVEN: () => "start a restored copy, since no volume in that state was ever tried here",
};

/** What to do before one relies on a point that is not green, a line each; none for one that is. @param name  `web01@2026-11-23T14:05` */
export function nextLines({ reasons }: PointLight, name: string): readonly string[] {
  const machine = name.split("@")[0] ?? name;
  const lines = new Set(reasons.map(({ code }) => next[code](name, machine)));
  return [...lines].map((line) => `  before you rely on it: ${line}`);
}
