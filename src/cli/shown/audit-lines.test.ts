import assert from "node:assert/strict";
import { test } from "node:test";

import { auditLines } from "#cli/shown/audit-lines.ts";

const entry = { at: "2026-01-01T00:00:00Z", who: "anna", role: "custodian", hash: "0".repeat(64) } as const;

test("what else an entry says stands below it, and makes the table no wider", () => {
  const lines = auditLines([
    { ...entry, seq: 9, act: "policy.show", subject: "policy", outcome: "done", detail: { approval: null } },
    {
      ...entry,
      seq: 10,
      act: "key.reveal",
      subject: "web01/v1",
      outcome: "refused",
      detail: { reason: "after\nthe fire", code: "NOT_ALLOWED", approval: null },
    },
  ]);
  assert.deepEqual(lines, [
    "ENTRY  TIME                  WHO   OUTCOME  ACT          OF",
    "    9  2026-01-01T00:00:00Z  anna  done     policy.show  policy",
    "   10  2026-01-01T00:00:00Z  anna  refused  key.reveal   web01/v1",
    "       reason=after\\x0athe fire code=NOT_ALLOWED",
  ]);
});
