import assert from "node:assert/strict";
import { test } from "node:test";

import { Secret } from "#bytes/secret.ts";
import { fromUtf8, utf8 } from "#bytes/text.ts";
import { mistypedGroups } from "#keys/versions/generated-secret.ts";
import { checkValue, generateValue } from "#keys/versions/new-value.ts";
import { seededRandom } from "#testing/random.ts";

const random = seededRandom("new value");

function refusal(kind: Parameters<typeof checkValue>[0], text: string | Uint8Array): string | null {
  try {
    checkValue(kind, new Secret(typeof text === "string" ? utf8(text) : text));
    return null;
  } catch (error) {
    return error instanceof Error && "code" in error ? `${String(error.code)}: ${error.message}` : assert.fail();
  }
}

test("a passphrase that is made is a generated secret, each time another", () => {
  const made = [1, 2].map(() => fromUtf8(generateValue("passphrase", random).bytes));
  for (const text of made) {
    assert.deepEqual(mistypedGroups(text), []);
    assert.equal(refusal("passphrase", text), null);
  }
  assert.notEqual(made[0], made[1]);
});

test("what others make is not made here", () => {
  for (const kind of ["key-file", "recovery-password", "startup-key"] as const) {
    assert.throws(() => generateValue(kind, random), { code: "ARGUMENT_INVALID" });
  }
});

test("any text and any bytes may be a passphrase or a key file, but nothing at all", () => {
  for (const kind of ["passphrase", "key-file"] as const) {
    for (const value of ["x", " ", "ä ö", Uint8Array.of(0xff, 0, 0xfe)]) assert.equal(refusal(kind, value), null);
    assert.match(refusal(kind, "") ?? "", /SECRET_INVALID: .* it is empty/);
    assert.match(refusal(kind, new Uint8Array(8 * 1024 * 1024 + 1)) ?? "", /SECRET_INVALID: .* longer than/);
  }
});

test("a generated secret that was mistyped is refused, with the group and not the text", () => {
  const text = fromUtf8(generateValue("passphrase", random).bytes);
  const at = 6 * 6;
  const wrong = text.slice(0, at) + (text[at] === "x" ? "y" : "x") + text.slice(at + 1);
  const why = refusal("passphrase", wrong) ?? "";
  assert.match(why, /SECRET_INVALID: .* mistyped in group 7 of 13/);
  assert.ok(!why.includes(wrong.slice(at, at + 5)));
  assert.equal(refusal("key-file", wrong), null);
});

test("a recovery password has its check digits, and a startup key its form", () => {
  const right = "000011-000022-000033-000044-000055-000066-000077-000088";
  assert.equal(refusal("recovery-password", right), null);
  assert.match(refusal("recovery-password", right.replace("000033", "000034")) ?? "", /SECRET_INVALID: .*3/);
  assert.match(refusal("recovery-password", "a passphrase") ?? "", /SECRET_INVALID/);
  assert.match(refusal("startup-key", "no BEK file") ?? "", /SECRET_INVALID/);
});
