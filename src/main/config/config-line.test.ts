import assert from "node:assert/strict";
import { test } from "node:test";

import { lineOfKey } from "#main/config/config-line.ts";

const text = `vault = "/backup"   # here
[backup] # more
lanes = 2
"checkpoint-gib" = 4
[ defaults ]
  keep = "daily=7"
`;

test("a key is found in its table", () => {
  assert.equal(lineOfKey(text, ["vault"]), 1);
  assert.equal(lineOfKey(text, ["backup"]), 2);
  assert.equal(lineOfKey(text, ["backup", "lanes"]), 3);
  assert.equal(lineOfKey(text, ["backup", "checkpoint-gib"]), 4);
  assert.equal(lineOfKey(text, ["defaults", "keep"]), 6);
  assert.equal(lineOfKey("backup.lanes = 2", ["backup", "lanes"]), 1);
});

test("what is not there, or looks to be there twice, has no line", () => {
  assert.equal(lineOfKey(text, ["lanes"]), null);
  assert.equal(lineOfKey(text, ["defaults", "lanes"]), null);
  assert.equal(lineOfKey(text, []), null);
  assert.equal(lineOfKey('a = """\nvault = 1\n"""\nvault = 2', ["vault"]), null);
});
