import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";

import { utf8 } from "#bytes/text.ts";
import { takeSnapshot } from "#testing/stores/store-snapshot.ts";
import { MaintenanceBench } from "#testing/vaults/maintenance-bench.ts";

test("no object of a vault, and no name of one, shows a machine's name, a disk's path, or what was on the disk", async () => {
  const bench = await MaintenanceBench.make("sealed", 8, { name: "payroll-server" });
  const content = utf8("a secret of the guest; ");
  for (let at = 0; at + content.length <= bench.content.length; at += content.length) bench.content.set(content, at);
  const { path, name } = bench.definition;
  await bench.backUp();
  const { objects } = await takeSnapshot(bench.store);
  assert.ok(objects.size > 4);
  for (const [key, bytes] of objects) {
    for (const text of ["payroll-server", path, name, "secret of the guest"]) {
      // A name of three letters is among random bytes now and then.
      if (text.length > 3) assert.ok(!Buffer.from(bytes).includes(text), `${key} has ${text}`);
      assert.ok(!key.includes(text), key);
    }
  }
});
