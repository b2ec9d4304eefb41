import assert from "node:assert/strict";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

import { refuseUnmakable } from "#cli/files/new-file.ts";

const folder = mkdtempSync(join(tmpdir(), "lockstep-new-file-"));
after(() => rmSync(folder, { recursive: true }));

test("a new file is refused where something has its name, or its folder is not there, or none", async () => {
  const at = (name: string): string => join(folder, name);
  writeFileSync(at("there"), "");
  symlinkSync(at("nowhere"), at("link"));
  await refuseUnmakable("revealing a value", at("new"));
  const refused = (name: string, code: string): Promise<void> =>
    assert.rejects(refuseUnmakable("revealing a value", at(name)), {
      code,
      message: /^(revealing a value|looking at)/,
    });
  await refused("there", "TARGET_EXISTS");
  await refused("link", "TARGET_EXISTS");
  await refused("none/new", "TARGET_MISSING");
  await refused("there/new", "TARGET_MISSING");
});
