import assert from "node:assert/strict";
import { test } from "node:test";

import { keySettings, newConfig, unitNames } from "#ops/setup/setup-layout.ts";
import { readUnitTemplates, unitText } from "#ops/setup/setup-units.ts";

const facts = { program: "/opt/lockstep/bin/lockstep", vault: "/backup/vault", places: [], hasCredential: false };

test("every unit has all that its template leaves open", async () => {
  const templates = await readUnitTemplates();
  assert.deepEqual([...templates.keys()], unitNames);
  for (const [name, template] of templates) {
    assert.doesNotMatch(
      unitText(template, facts).replaceAll("@system-service", "").replaceAll("@privileged", ""),
      /@/,
      name,
    );
  }
});

test("the key side may write to its folder and to the places of copies, and is handed a credential where there is one", async () => {
  const template = (await readUnitTemplates()).get("lockstep-keys.service") ?? "";
  const alone = unitText(template, { ...facts, vault: null });
  assert.match(alone, /^ReadWritePaths=\/var\/lib\/lockstep-keys$/m);
  assert.doesNotMatch(alone, /^LoadCredential/m);
  const all = unitText(template, { ...facts, places: ["/mnt/branch", "/backup/vault"], hasCredential: true });
  assert.match(all, /^ReadWritePaths=\/var\/lib\/lockstep-keys -\/backup\/vault -\/mnt\/branch$/m);
  assert.match(
    all,
    /^LoadCredentialEncrypted=lockstep-key-store:\/var\/lib\/lockstep-keys\/lockstep-key-store\.cred$/m,
  );
});

test("a path that could say more than a path in a unit is refused", () => {
  for (const vault of ["/a b", "/a\nExecStart=/bin/sh", "/a%h", "/a$HOME", '/a"', "/a\\", "relative"]) {
    assert.throws(() => unitText("@vault@", { ...facts, vault }), {
      code: "ARGUMENT_INVALID",
      message: /cannot stand/,
    });
  }
});

test("a new configuration names the vault and the key side", () => {
  assert.match(newConfig("/backup/vault"), /^vault = "\/backup\/vault"$/m);
  assert.match(newConfig(null), /^# vault = /m);
  for (const [key, value] of Object.entries(keySettings)) {
    assert.ok(newConfig(null).split("\n").includes(`${key} = "${value}"`), key);
  }
});
