import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { LockstepError } from "#errors/errors.ts";
import { parseConfig } from "#main/config/config-file.ts";

const name = "/etc/lockstep/config.toml";

test("a file says where the vault is, what to watch, and how to back up", () => {
  const text = `
    vault = "/backup/vault"
    watch = ["/var/lib/libvirt/images"]
    [backup]
    checkpoint-minutes = 2.5
    checkpoint-gib = 16
    lanes = 1
    [cache]
    nodes = "always"
    limit-gib = 0.5
    [defaults]
    keep = "daily=7,weekly=4"
    every-hours = 12
    time-zone = "europe/berlin"
  `;
  assert.deepEqual(parseConfig(text, name), {
    vault: "/backup/vault",
    watch: ["/var/lib/libvirt/images"],
    backup: { "checkpoint-minutes": 2.5, "checkpoint-gib": 16, lanes: 1 },
    cache: { nodes: "always", "limit-gib": 0.5 },
    defaults: { keep: { daily: 7, weekly: 4 }, "every-hours": 12, "time-zone": "Europe/Berlin" },
  });
  assert.deepEqual(parseConfig("", name), {});
});

test("a mistake is refused, with the key and the line named", () => {
  for (const [text, message] of [
    ['volt = "/backup"', /config\.toml cannot be used: volt \(line 1\): there is no such key$/],
    ["[backup]\nlane = 2", /backup\.lane \(line 2\): there is no such key$/],
    ["[backups]\nlanes = 2", /backups \(line 1\): there is no such key$/],
    ["[backup]\n\nlanes = 0", /backup\.lanes \(line 3\): a whole number from 1 to 64 is expected$/],
    ["[backup]\nlanes = 65", /backup\.lanes \(line 2\): a whole number from 1 to 64 is expected$/],
    ["[backup]\nlanes = 1.5", /backup\.lanes \(line 2\): /],
    ["[backup]\nlanes = '2'", /backup\.lanes \(line 2\): /],
    ["[backup]\ncheckpoint-gib = inf", /backup\.checkpoint-gib \(line 2\): /],
    ["[backup]\ncheckpoint-gib = nan", /backup\.checkpoint-gib \(line 2\): /],
    ["[backup]\ncheckpoint-minutes = 1441", /minutes \(line 2\): a number above 0 is expected, and at most 1440$/],
    ["backup = 7", /backup \(line 1\): a table is expected$/],
    ["[[backup]]\nlanes = 1", /backup \(line 1\): a table is expected$/],
    ["[cache]\nnodes = 'yes'", /cache\.nodes \(line 2\): one of "auto", "always", "never" is expected$/],
    ["[cache]\nlimit-gib = 0", /cache\.limit-gib \(line 2\): /],
    ["vault = 7", /vault \(line 1\): a text that is not empty is expected$/],
    ["vault = 2026-01-01", /vault \(line 1\): /],
    ["watch = '/a'", /watch \(line 1\): a list is expected$/],
    ['vault = ""', /vault \(line 1\): /],
    ["watch = ['/a', 7]", /watch \(line 1\): item 2: a text that is not empty is expected$/],
    ["[defaults]\nkeep = 'hourly=3'", /defaults\.keep \(line 2\): "hourly=3" is not a keep rule: /],
    ["[defaults]\nkeep = 7", /defaults\.keep \(line 2\): a text is expected$/],
    ["[defaults]\ntime-zone = 'Mars'", /defaults\.time-zone \(line 2\): "Mars" is not a time zone$/],
    ["a = 1\nb = 2", /a \(line 1\): there is no such key; b \(line 2\): there is no such key$/],
    ["__proto__ = 1", /cannot be used|is not TOML/],
    ["constructor = 1", /constructor \(line 1\): there is no such key$/],
  ] as const) {
    assert.throws(() => parseConfig(text, name), { code: "CONFIG_INVALID", message }, text);
  }
});

test("what is not TOML is refused, with its line and column", () => {
  const message = "the configuration /etc/lockstep/config.toml is not TOML: line 2, column";
  assert.throws(
    () => parseConfig("vault = '/a'\nwatch = [", name),
    (error) => {
      assert.ok(error instanceof LockstepError && error.code === "CONFIG_INVALID");
      assert.ok(error.message.startsWith(message), error.message);
      assert.ok(!error.message.includes("\n"));
      return true;
    },
  );
});

test("any text is parsed or refused", () => {
  const part = fc.constantFrom("vault", "backup", "lanes", "=", "[", "]", ".", '"', "'", "\n", "1", "{", "}", ",", "-");
  fc.assert(
    fc.property(
      fc.oneof(
        fc.array(part).map((parts) => parts.join("")),
        fc.string(),
      ),
      (text) => {
        try {
          parseConfig(text, name);
        } catch (error) {
          assert.ok(error instanceof LockstepError, String(error));
        }
      },
    ),
  );
});
