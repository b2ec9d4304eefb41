import { test } from "node:test";

import { cheap, volumeTrial } from "../cli/volume-rig.ts";

test("a header goes back to a whole disk that was divided by mistake, and to no other", (t) => {
  const trial = volumeTrial(t);
  if (trial === null) return;
  const create = `cryptsetup luksFormat -q --type luks2 ${cheap} other.raw pw.bare`;
  trial.prepare(`truncate -s 16M other.raw && ${create}`);
  for (const format of ["luks1", "luks2"]) {
    for (const table of ["dos", "gpt"]) {
      const name = `${format}-${table}`;
      const divide = (file: string): string => `printf 'label: ${table}\\n,\\n' | sfdisk -q ${file}`;
      trial.prepare(
        `head -c 8M disks/${format}.raw > ${name}.header`,
        `cp disks/${format}.raw ${name}.raw && ${divide(`${name}.raw`)} && cp ${name}.raw ${name}.divided`,
        `cp other.raw other-${name}.raw && ${divide(`other-${name}.raw`)} && cp other-${name}.raw other-${name}.divided`,
      );
      const restore = `lockstep volume header-restore`;
      trial.transcript(`
        $ ${restore} ${name}.raw --from ${name}.header --passphrase-file pw 2>&1 | grep -o 'nothing in volume 1\\|--volume disk'
        nothing in volume 1
        --volume disk
        $ ${restore} ${name}.raw --from ${name}.header --volume disk 2>&1 | grep -o '\\[[A-Z_]*\\]'
        [HEADER_MISMATCH]
        $ ${restore} other-${name}.raw --from ${name}.header --volume disk --passphrase-file pw 2>&1 | grep -o '\\[[A-Z_]*\\]'
        [HEADER_MISMATCH]
        $ cmp ${name}.raw ${name}.divided && cmp other-${name}.raw other-${name}.divided
        $ ${restore} ${name}.raw --from ${name}.header --volume disk --passphrase-file pw --keep ${name}.kept | grep -o 'the secret shows.*'
        the secret shows that it belongs there
        $ lockstep volume check ${name}.raw --passphrase-file pw | tail -1
        inside: ext4 "root"
        $ cryptsetup luksDump ${name}.raw | grep -c UUID
        1
        $ cmp -i 440 -n 72 ${name}.kept ${name}.divided
      `);
    }
  }
});
