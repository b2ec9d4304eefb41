import assert from "node:assert/strict";
import { test } from "node:test";

import { nearNames } from "#policy/near-names.ts";

test("a slip of the finger finds the name that was meant, nearest first", () => {
  const names = ["web01", "web02", "db01", "mail-relay"];
  assert.deepEqual(nearNames("wbe01", names), ["web01"]);
  assert.deepEqual(nearNames("WEB02", names), ["web02", "web01"]);
  assert.deepEqual(nearNames("mail", names), ["mail-relay"]);
  assert.deepEqual(nearNames("mailrelay", names), ["mail-relay"]);
});

test("names that are nothing alike are not offered, nor more than three", () => {
  assert.deepEqual(nearNames("backup", ["web01", "db01"]), []);
  assert.deepEqual(nearNames("web", ["web1", "web2", "web3", "web4"]).length, 3);
  assert.deepEqual(nearNames("", []), []);
});
