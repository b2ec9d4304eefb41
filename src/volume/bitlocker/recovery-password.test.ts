import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { Secret } from "#bytes/secret.ts";
import { utf8 } from "#bytes/text.ts";
import { recoveryText } from "#testing/volumes/bitlocker-entry-maker.ts";
import { parseRecoveryPassword } from "#volume/bitlocker/recovery-password.ts";

const parse = (text: string): Uint8Array => parseRecoveryPassword(new Secret(utf8(text))).bytes;
const shorts = fc.array(fc.nat(0xffff), { minLength: 8, maxLength: 8 });
const bytesOf = (groups: readonly number[]): Uint8Array => {
  return Uint8Array.from(groups.flatMap((group) => [group & 0xff, group >> 8]));
};

test("eight groups are eight numbers of 16 bits, however people separate them", () => {
  const separator = fc.constantFrom(
    "-",
    " ",
    "",
    "\u2010",
    "\u2011",
    "\u2013",
    "\u2014",
    "\u2212",
    "\u00a0",
    " - ",
    "\r\n",
  );
  fc.assert(
    fc.property(shorts, separator, fc.constantFrom("", "\n", " \r\n"), (groups, between, end) => {
      assert.deepEqual(parse(recoveryText(groups, between) + end), bytesOf(groups));
    }),
  );
});

test("one mistyped digit, or two that changed places, are found, and the group is named", () => {
  fc.assert(
    fc.property(shorts, fc.nat(47), fc.integer({ min: 1, max: 9 }), (groups, at, shift) => {
      const digits = recoveryText(groups, "").split("");
      const wrong = digits.with(at, String((Number(digits[at]) + shift) % 10));
      assert.throws(() => parse(wrong.join("")), {
        code: "SECRET_INVALID",
        message: new RegExp(`group ${Math.floor(at / 6) + 1} is mistyped`),
      });
      const next = at % 6 === 5 ? at - 1 : at + 1;
      if (digits[at] === digits[next]) return;
      const swapped = digits.with(at, digits[next] ?? "").with(next, digits[at] ?? "");
      assert.throws(() => parse(swapped.join("")), { code: "SECRET_INVALID" });
    }),
  );
});

test("the greatest group is 11 × 65535", () => {
  const rest = Array.from({ length: 7 }, () => "000000");
  assert.deepEqual(parse(["720885", ...rest].join("-")).subarray(0, 2), Uint8Array.of(0xff, 0xff));
  const message = "BitLocker recovery password: group 1 is mistyped: it is too large";
  assert.throws(() => parse(["720896", ...rest].join("-")), { code: "SECRET_INVALID", message });
});

for (const [text, reason] of [
  ["", /it has 0 groups of digits instead of 8/],
  ["000000-000000", /it has 2 groups/],
  [recoveryText([1, 2, 3, 4, 5, 6, 7, 8, 9]), /it has 9 groups/],
  [recoveryText([1, 2, 3, 4, 5, 6, 7, 8]).slice(1), /group 1 has 5 digits instead of 6/],
  [`${recoveryText([1, 2, 3, 4, 5, 6, 7, 8])}1`, /group 8 has 7 digits/],
  [recoveryText([1, 2, 3, 4, 5, 6, 7, 8], "") + "0", /it has 1 groups/],
  [recoveryText([1, 2, 3, 4, 5, 6, 7, 8], "_"), /character 7 is neither a digit nor a hyphen/],
  ["passphrase", /character 1 is neither/],
  [recoveryText([1, 2, 3, 4, 5, 6, 7, 8]).replace("0", "\u0660"), /character 1 is neither/],
] as const) {
  test(`${JSON.stringify(text)} is no recovery password`, () => {
    assert.throws(() => parse(text), { code: "SECRET_INVALID", message: reason });
  });
}

test("no message has a digit group of what was typed", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(999_999), { minLength: 8, maxLength: 8 }), (groups) => {
      const typed = groups.map((group) => String(group).padStart(6, "0"));
      try {
        parse(typed.join("-"));
      } catch (error) {
        for (const group of typed) assert.ok(!String(error).includes(group));
      }
    }),
  );
});
