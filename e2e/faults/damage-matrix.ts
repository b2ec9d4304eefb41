import assert from "node:assert/strict";
import { test } from "node:test";

import { equalBytes } from "#bytes/arrays.ts";
import { memoryStore } from "#store/memory.ts";
import type { WholeVault } from "#testing/vaults/whole-vault.ts";
import type { PointId } from "#vault/object/ids.ts";
import { damages } from "./damages.ts";
import type { Damage } from "./damages.ts";
import { goOn, lookAround, richVault, victimsIn } from "./damage-rig.ts";
import type { Aftermath, Findings, Victim } from "./damage-rig.ts";

const { signal } = new AbortController();

/** Damage without effect, which no check looks for: a summary is only a shortcut, and segments have unused bytes. */
function mayGoUnnoticed({ kind }: Victim, { name }: Damage, singleDisk: boolean): boolean {
  const isGone = name === "deleted" || name === "a folder in its place";
  if (kind === "the last log entry" && isGone) return !singleDisk; // who saw it notices: see wrong-vault.test.ts
  if (kind.includes("summary")) return isGone;
  if (kind.includes("vault.json")) return name === "cut by one byte"; // the newline at its end
  return kind.includes("segment") && name.startsWith("flipped at 0.");
}

const isNotForCopies = /flipped at (byte )?\d/;

export type Case = {
  readonly whole: WholeVault;
  readonly damage: Damage;
  readonly way: string;
  readonly found: Findings;
  readonly aftermath: Aftermath;
};

/** Damages one object of every kind in every way, and works with the vault as if nothing had happened. */
export function testDamage(
  singleDisk: boolean,
  isMine: (victim: Victim) => boolean,
  expectation: (each: Case) => void,
): void {
  test(`whatever object is damaged in whatever way${singleDisk ? " on one disk" : ""}`, async (t) => {
    const prepared = await richVault(memoryStore({ singleDisk }));
    for (const victim of (await victimsIn(prepared)).filter(isMine)) {
      await t.test(victim.kind, async () => {
        const bytes = await prepared.store.get(victim.other, Number.MAX_SAFE_INTEGER, signal);
        assert.ok(bytes !== null);
        for (const damage of damages) {
          if (victim.key === victim.other && damage.name.includes("another")) continue;
          if (victim.kind.includes("copy") && isNotForCopies.test(damage.name)) continue;
          const whole = await prepared.copy();
          const way = `${victim.kind}, ${damage.name}`;
          const store = await damage.apply(whole.store, victim.key, { key: victim.other, bytes });
          const found = await lookAround(whole, store, way);
          assert.ok(found.noticed || mayGoUnnoticed(victim, damage, singleDisk), `${way}: nobody noticed`);
          assert.ok(found.noticed || found.lost.size === 0, `${way}: a loss went unnoticed`);
          expectation({ whole, damage, way, found, aftermath: await goOn(whole, store, way) });
        }
      });
    }
  });
}

/**
 * Asserts that a check names exactly what cannot be read, in the words of the restore too, and that a backup healed all
 * that the disk still had.
 */
export function assertNamedAndHealed({ whole, damage, way, found, aftermath }: Case): void {
  const { failures, later } = aftermath;
  assert.deepEqual(failures, [], way);
  if (damage.name === "on a bad sector") {
    // No answer is no damage: nothing is called lost that a working disk may give.
    for (const error of found.lost.values()) assert.equal(error.code, "STORE_UNAVAILABLE", way);
    return assert.deepEqual(found.hurt, [], way);
  }
  assert.deepEqual(new Set(found.hurt.map(({ point }) => point)), new Set(found.lost.keys()), way);
  const unhealed = new Set<PointId>();
  for (const { point, ranges } of found.hurt) {
    const error = found.lost.get(point);
    assert.equal(error?.code, "BLOCK_DAMAGED", way);
    const named = Number(/bytes (\d+)/.exec(error.message)?.[1]);
    assert.ok(
      ranges.some((range) => named >= range.offsetBytes && named < range.offsetBytes + range.lengthBytes),
      way,
    );
    const content = whole.expected.get(point) ?? new Uint8Array();
    for (const { offsetBytes, lengthBytes } of ranges) {
      const part = content.subarray(offsetBytes, offsetBytes + lengthBytes);
      if (!equalBytes(part, whole.content.subarray(offsetBytes, offsetBytes + lengthBytes))) unhealed.add(point);
    }
  }
  assert.deepEqual(new Set(later.lost.keys()), unhealed, `${way}: not all was healed`);
}
