import assert from "node:assert/strict";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { inspect } from "#volume/inspect.ts";
import { memorySource } from "#volume/source/source.ts";

import { run } from "../disk/rig.ts";
import { newFolder, skipUnless } from "./rig.ts";
import { bytesOf, image, isGoodForCryptsetup, quick, secretFile } from "./luks2-rig.ts";

const { signal } = new AbortController();

/** As installers use them: nobody is asked whether to wipe what was there. */
const tools = {
  "sgdisk, GPT": "sgdisk -n 1:2048:0",
  "sfdisk, GPT": "printf 'label: gpt\\n,\\n' | sfdisk -q",
  "sfdisk, MBR": "printf ',\\n' | sfdisk -q",
};

test("a disk that was LUKS as a whole and was divided since has its partitions", async (t) => {
  if (skipUnless(t, "cryptsetup", "sgdisk", "sfdisk")) return;
  const folder = newFolder(t);
  const key = secretFile(folder, "open");
  for (const options of [["luks1"], ["luks2"], ["luks2", "--luks2-metadata-size", "64k"]]) {
    const whole = image(folder, "whole.img");
    run("cryptsetup", "luksFormat", ...quick, "--type", ...options, whole, key);
    for (const [name, tool] of Object.entries(tools)) {
      const disk = join(folder, "disk.img");
      copyFileSync(whole, disk);
      run("sh", "-c", `${tool} ${disk}`);
      const bytes = bytesOf(disk);
      assert.deepEqual([...bytes.subarray(0, 6)], [0x4c, 0x55, 0x4b, 0x53, 0xba, 0xbe], "the magic is left");
      assert.equal(isGoodForCryptsetup(disk), false, name);
      const { map } = await inspect(memorySource(bytes), signal);
      const shown = `${options.join(" ")}, ${name}`;
      assert.equal(map.table?.kind, name.endsWith("GPT") ? "gpt" : "mbr", shown);
      const { start } = (JSON.parse(run("sfdisk", "--json", disk)) as Table).partitiontable.partitions[0] ?? {};
      assert.deepEqual(
        map.volumes.map(({ name: number, stretches }) => [number, stretches[0]?.offsetBytes]),
        [["1", (start ?? 0) * 512]],
        shown,
      );
    }
  }
});

type Table = { readonly partitiontable: { readonly partitions: readonly { readonly start: number }[] } };
