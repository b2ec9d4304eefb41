import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { receipt, receiptText } from "#api/needs.ts";
import type { Receipt } from "#api/needs.ts";
import { fromBase64, fromHex, hex, utf8 } from "#bytes/text.ts";
import { isSignedBy } from "#crypto/ed25519.ts";
import { act } from "#keys/access/act.ts";
import { auditHead } from "#keys/audit/audit.ts";
import type { KeyStore } from "#keys/key-store.ts";
import { itself } from "#keys/store/model.ts";
import { receiptOf } from "#server/receipt.ts";
import { NeedsWorld } from "#testing/keys/needs-world.ts";

const page = readFileSync(join(import.meta.dirname, "../../docs/format/receipts.md"), "utf8");

/** Checks a signature by docs/format/receipts.md alone. */
function isValid(publicKey: Uint8Array, given: Receipt): boolean {
  const { store, epoch, at, auditSeq, auditHash, copy, signature } = given;
  const text = JSON.stringify([store, epoch, at, auditSeq, auditHash, copy]);
  return isSignedBy(publicKey, utf8(`lockstep v1 receipt\n${text}`), fromBase64(signature) ?? new Uint8Array());
}

function give(store: KeyStore): Receipt {
  const given = receiptOf(store);
  assert.ok(given);
  return receipt.parse(given);
}

test("the example of docs/format/receipts.md is a receipt", () => {
  const [, example = ""] = /<!-- example -->\s+```json\n(.*?)```/s.exec(page) ?? [];
  const [, publicHex = ""] = /the public half is\s+`([0-9a-f]{64})`/.exec(page) ?? [];
  const parsed = receipt.parse(JSON.parse(example));
  assert.ok(isValid(fromHex(publicHex) ?? new Uint8Array(), parsed));
  assert.ok(page.includes(`\n${receiptText(parsed)}\n`));
});

test("a receipt says where the store stands, and none of it can be changed", async () => {
  using world = await NeedsWorld.make();
  const { store } = world;
  act(store, itself, { act: "store.create", subject: "store" }, () => undefined);
  const given = give(store);
  const { id, epoch, signingPublic } = store.facts();
  const head = auditHead(store.db);
  assert.deepEqual(
    [given.store, given.epoch, given.at, given.auditSeq, given.auditHash, given.copy],
    [id, epoch, "2026-01-01T00:00:00Z", 1, hex(head.hash), 0],
  );
  assert.ok(isValid(signingPublic, given));
  const changes: readonly Partial<Receipt>[] = [
    { store: "0".repeat(32) },
    { epoch: 2 },
    { at: "2026-01-01T00:00:01Z" },
    { auditSeq: 2 },
    { auditHash: "0".repeat(64) },
    { copy: 1 },
  ];
  for (const change of changes) assert.equal(isValid(signingPublic, { ...given, ...change }), false);
});

test("a receipt's copy is the newest of this epoch that was read back and is still there", async () => {
  using world = await NeedsWorld.make();
  const { store } = world;
  store.db.exec("INSERT INTO places VALUES ('p', '/backup/vault', 'here', 0, NULL)");
  const insert = store.db.prepare(
    `INSERT INTO copies (epoch, number, place, size_bytes, written_ms, verified_ms, deleted_ms, upto, audit_upto, schema, destroyed)
     VALUES (?, ?, 'p', 1, 0, ?, ?, 0, 0, 1, 0)`,
  );
  insert.run(1, 4, 1, null);
  insert.run(1, 5, 1, 2);
  insert.run(1, 6, null, null);
  insert.run(2, 7, 1, null);
  assert.equal(give(store).copy, 4);
});

test("a sealed store gives no receipt", async () => {
  using world = await NeedsWorld.make();
  world.store.seal();
  assert.equal(receiptOf(world.store), null);
});
