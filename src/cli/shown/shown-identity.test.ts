import assert from "node:assert/strict";
import { test } from "node:test";

import { tokenUseLines } from "#cli/shown/shown-identity.ts";

const socket = "/run/lockstep-keys/socket";

test("whoever gets a token is told where it is kept, what names the socket, and what to type first", () => {
  const bob = tokenUseLines({ name: "bob", role: "custodian" }, { tokenFile: "/root/bob's token", socket }).join("\n");
  assert.match(
    bob,
    /install -D -m 600 '\/root\/bob'\\''s token' ~\/\.local\/state\/lockstep\/identities\/custodian\.token/,
  );
  assert.match(bob, /LOCKSTEP_STATE_DIR/);
  assert.match(bob, /keys\.socket = "\/run\/lockstep-keys\/socket"\n.*LOCKSTEP_CONFIG/);
  assert.match(bob, /then type +lockstep approval list/);
  assert.match(bob, /waits for the approval of another custodian.*\n.*`lockstep kit create`/);
});

test("a token that a terminal showed is to be written to a file, and a machine has no command to type", () => {
  const eve = tokenUseLines({ name: "eve", role: "auditor" }, { tokenFile: null, socket }).join("\n");
  assert.match(eve, /write it into +~\S+\/auditor\.token \(mode 0600\)/);
  assert.match(eve, /then type +lockstep audit list/);
  const guest = tokenUseLines({ name: "web01", role: "machine" }, { tokenFile: "/t", socket });
  assert.deepEqual(guest, ['Its programs send it as a bearer token: docs/key-side.md, "Asking".']);
});
