import assert from "node:assert/strict";
import { createHash, createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { HEAD_EVERY } from "#keys/audit/audit-heads.ts";
import { testKeySide } from "#testing/keys/key-side.ts";

type Line = Readonly<Record<string, string | number>>;

/**
 * Verifies an exported log as docs/format/audit.md says, with nothing of the code that wrote it.
 *
 * @returns  how many entries and heads it has; throws where something is wrong
 */
function verifyExport(text: string): { entries: number; heads: number } {
  const [first, ...rest] = text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);
  const { format, store, signingKey } = first ?? assert.fail("it is empty");
  assert.equal(format, "lockstep audit 1");
  const spki = Buffer.concat([
    Buffer.from("302a300506032b6570032100", "hex"),
    Buffer.from(String(signingKey), "base64"),
  ]);
  const key = createPublicKey({ key: spki, format: "der", type: "spki" });
  let [previous, entries, heads] = ["0".repeat(64), 0, 0];
  for (const line of rest) {
    if ("head" in line) {
      assert.equal(line["head"], entries);
      const signed = JSON.stringify([store, line["epoch"], line["head"], previous, line["atMs"]]);
      const message = Buffer.from(`lockstep v1 audit head\n${signed}`);
      assert.ok(verify(null, message, key, Buffer.from(String(line["signature"]), "base64")), `head ${entries}`);
      heads++;
      continue;
    }
    assert.equal(line["seq"], entries + 1);
    const members = ["seq", "atMs", "who", "role", "act", "subject", "outcome", "detail"].map((name) => line[name]);
    const hash = createHash("sha256")
      .update("lockstep v1 audit\n")
      .update(Buffer.from(previous, "hex"))
      .update(JSON.stringify(members))
      .digest("hex");
    assert.equal(line["hash"], hash, `entry ${line["seq"]}`);
    previous = hash;
    entries++;
  }
  return { entries, heads };
}

test("what was exported, in pages of any size, verifies without Lockstep", async () => {
  using keys = await testKeySide();
  for (let n = 1; n <= HEAD_EVERY + 3; n++) await keys.as("custodian", "policy.set", { proofIntervalDays: n });
  for (const limit of [1, 7, HEAD_EVERY, 10_000]) {
    const lines: string[] = [];
    for (let from: number | null = 1; from !== null;) {
      const page: { header: string; lines: string[]; next: number | null } = await keys.as("auditor", "audit.export", {
        from,
        limit,
      });
      lines.push(...(from === 1 ? [page.header] : []), ...page.lines);
      from = page.next;
    }
    assert.deepEqual(verifyExport(lines.join("\n")), { entries: HEAD_EVERY + 3, heads: 1 });
  }
});

test("an export in which anything was changed, left out, or moved does not", async () => {
  using keys = await testKeySide();
  for (let n = 1; n <= HEAD_EVERY; n++) await keys.as("custodian", "policy.set", { proofIntervalDays: n });
  const { header, lines } = await keys.as("auditor", "audit.export", { from: 1, limit: 10_000 });
  const whole = [header, ...lines];
  const [a = "", b = ""] = lines;
  for (const [what, broken] of [
    ["changed", whole.with(5, (whole[5] ?? "").replace("custodian", "custodiam"))],
    ["left out", whole.toSpliced(5, 1)],
    ["moved", whole.with(1, b).with(2, a)],
    ["signed by another", whole.with(0, header.replace(/"signingKey":"..../, '"signingKey":"AAAA'))],
    ["of another store", whole.with(0, header.replace(/"store":"../, '"store":"zz'))],
  ] as const) {
    assert.throws(() => verifyExport(broken.join("\n")), { name: "AssertionError" }, what);
  }
});

test("the example in docs/format/audit.md is one", () => {
  const page = readFileSync(join(import.meta.dirname, "../../../docs/format/audit.md"), "utf8");
  const example = /```jsonl\n(.*?)```/s.exec(page)?.[1] ?? assert.fail("there is none");
  assert.deepEqual(verifyExport(example), { entries: 3, heads: 1 });
});
