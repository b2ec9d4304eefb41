import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import type { TestContext } from "node:test";

import { Trial } from "./trial.ts";

const tools = ["cryptsetup", "mkfs.ext4", "sfdisk"];

/** Costs nothing, and is the same on every machine. */
export const cheap = "--pbkdf pbkdf2 --pbkdf-force-iterations 1000";

/** The secrets of a trial's volumes; no output may have one. */
export const secrets = { passphrase: "a horse, correct", second: "battery staple!", wrong: "not this one" } as const;

/**
 * A trial with volumes that cryptsetup made, in `disks`: `luks2.raw` and, converted, `luks1.raw` with the same passphrase,
 * `plain.raw`, and `gpt.raw` with an empty partition 1 and the LUKS2 volume as partition 2. Inside is the ext4 file system of
 * `plain.raw`, label `root`. Null, and the test is skipped and says so, where a program is missing.
 */
export function volumeTrial(t: TestContext): Trial | null {
  const missing = tools.filter((tool) => spawnSync("which", [tool]).status !== 0);
  if (missing.length > 0) {
    const reason = `needs ${missing.join(", ")}`;
    console.error(`NOT TESTED: ${t.name}: ${reason}`);
    t.skip(reason);
    return null;
  }
  const trial = new Trial(t);
  const { passphrase, second, wrong } = secrets;
  writeFileSync(trial.path("pw"), `${passphrase}\n`);
  writeFileSync(trial.path("pw.bare"), passphrase);
  writeFileSync(trial.path("second"), second);
  writeFileSync(trial.path("wrong"), wrong);
  writeFileSync(trial.path("table"), "label: gpt\nstart=2048, size=2048\nstart=8192, size=32768, name=root\n");
  trial.prepare(
    "touch config.toml && mkdir disks content && echo hello > content/greeting",
    "head -c 700 /dev/urandom > keyfile",
    "truncate -s 8M disks/plain.raw && mkfs.ext4 -q -L root -d content disks/plain.raw",
    "cp disks/plain.raw disks/luks2.raw && truncate -s 16M disks/luks2.raw",
    `cryptsetup reencrypt -q --encrypt --type luks2 --reduce-device-size 8M ${cheap} --key-file pw.bare disks/luks2.raw`,
    "cp disks/luks2.raw disks/luks1.raw && cryptsetup convert -q --type luks1 disks/luks1.raw",
    "truncate -s 24M disks/gpt.raw && sfdisk -q disks/gpt.raw < table",
    "dd if=disks/luks2.raw of=disks/gpt.raw bs=1M seek=4 conv=notrunc status=none",
  );
  return trial;
}
