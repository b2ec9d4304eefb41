import assert from "node:assert/strict";
import { test } from "node:test";

import type { RolloverFacts } from "#api/rollover.ts";
import { endedLines, stepLines } from "#cli/shown/rollover-lines.ts";

const anyTime = "2026-01-01T00:00:00Z";

function rollover(volumeFormat: "luks2" | "bitlocker", step: RolloverFacts["step"] = "removed"): RolloverFacts {
  return {
    id: "0".repeat(32),
    step,
    executor: "steps",
    slot: 1,
    oldVersion: "web01/v1",
    newVersion: "web01/v2",
    binding: {
      id: "1".repeat(32),
      version: "web01/v1",
      protector: "a".repeat(64),
      protectorId: "keyslot 0",
      protectorKind: "passphrase",
      volumeIdentity: "b".repeat(64),
      volumeFormat,
      volumeUuid: null,
      place: { machine: "web01", disk: "root", volume: "2" },
      source: "live",
      boundBy: "custodian",
      boundAt: anyTime,
      retiredAt: null,
    },
    begunBy: "custodian",
    begunAt: anyTime,
    changedAt: anyTime,
    endedAt: null,
    provenAt: null,
  };
}

test("what came of it: why the old version is kept, that the volume key stays, and where the header is", () => {
  const until = "1 recovery point needs it, expected until 2033-12-31";
  const headerBackup = "/state/rollovers/0.header";
  const [first, second, , next, kept] = endedLines(rollover("luks2"), { machine: null, refusal: until, headerBackup });
  assert.equal(first, `web01/v2 made, copied, added, tried; web01/v1 kept: ${until}`);
  assert.match(second ?? "", /^The volume key is as it was: .* web01\/v1 still opens/);
  assert.equal(next, "Next, a recovery point that opens with web01/v2: lockstep backup web01");
  assert.match(kept ?? "", /\/state\/rollovers\/0\.header$/);
  const renamed = endedLines(rollover("luks2"), { machine: "shop", refusal: null, headerBackup: null });
  assert.equal(renamed[0], "web01/v2 made, copied, added, tried; nothing needs web01/v1 any more");
  assert.match(renamed[3] ?? "", /: lockstep backup shop$/);
});

test("an abandoned one says which version opens the volume", () => {
  assert.deepEqual(endedLines(rollover("luks2", "abandoned"), { machine: null, refusal: null, headerBackup: null }), [
    "abandoned: web01/v1 opens the volume as before, web01/v2 does not",
  ]);
});

test("steps for LUKS name the keyslot by its number", () => {
  const add = stepLines(rollover("luks2", "copied"), { do: "add", slot: 3 }).join("\n");
  assert.match(add, /luksAddKey --new-key-slot 3 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 DEVICE/);
  const remove = stepLines(rollover("luks2", "tried"), { do: "remove", protector: "keyslot 0", by: "new" }).join("\n");
  assert.match(remove, /luksKillSlot DEVICE 0\n.*: the new one/);
  assert.match(remove, /lockstep key rollover web01 --confirm PATH/);
});

test("steps for BitLocker name the protector by its GUID", () => {
  const id = "4f2a91c0-1b2c-4d5e-8f90-a1b2c3d4e5f6";
  const remove = stepLines(rollover("bitlocker", "tried"), { do: "remove", protector: id, by: "new" }).join("\n");
  assert.match(remove, /manage-bde -protectors -delete X: -id "\{4F2A91C0-1B2C-4D5E-8F90-A1B2C3D4E5F6\}"/);
  assert.match(
    stepLines(rollover("bitlocker", "copied"), { do: "add", slot: null }).join("\n"),
    /Add-BitLockerKeyProtector/,
  );
});

test("nothing to do has no steps", () => {
  assert.deepEqual(stepLines(rollover("luks2"), { do: "nothing" }), []);
});
