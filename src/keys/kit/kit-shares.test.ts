import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { Secret } from "#bytes/secret.ts";
import { hex } from "#bytes/text.ts";
import { systemRandom } from "#crypto/derive.ts";
import { kitCopiesIdentity, kitSetId, kitVaultKey, newKitSecret } from "#keys/kit/kit-secret.ts";
import { parseShare, shareGroups } from "#keys/kit/kit-share.ts";
import type { Share } from "#keys/kit/kit-share.ts";
import { combineShares, splitKit } from "#keys/kit/kit-shares.ts";

const known = (): Secret => new Secret(Uint8Array.from({ length: 32 }, (_, at) => at));

/** The text of a share, as a page has it. */
function textOf(share: Share): string {
  return shareGroups(share).join(" ");
}

async function typed(threshold: number, shares: number): Promise<string[]> {
  return (await splitKit(newKitSecret(systemRandom), { threshold, shares })).map(textOf);
}

test("what derives from a known secret is what docs/format/kit.md says", async () => {
  assert.equal(kitSetId(known()), "cfd032fe");
  assert.equal(hex(kitVaultKey(known()).bytes), "ba48503223e1b396316da1fb7ad9b781bc01e453c03dd430c3246b2722e2ebde");
  assert.equal(
    (await kitCopiesIdentity(known())).recipient,
    "age1r5ckevah2ggk0rss4r5pfkvkwv9qhmsp66uwugkdp6q0snpzzp6qpjl5vr",
  );
  const [share] = await splitKit(known(), { threshold: 1, shares: 1 });
  assert.ok(share !== undefined);
  assert.equal(
    textOf(share),
    "077xk 0cqya 040gm 0082c 0c20r a1g73 104ge m2rct 1m70f y40h3 289h8 858pn 2wc1s j6gvm 3gehz w7r0m ef3gb r880s",
  );
});

test("any k of n shares give the secret back, from what people typed", async () => {
  for (const [threshold, shares] of [
    [1, 1],
    [1, 3],
    [2, 2],
    [2, 3],
    [3, 5],
  ] as const) {
    const secret = newKitSecret(systemRandom);
    const texts = (await splitKit(secret, { threshold, shares })).map(textOf);
    for (let from = 0; from < shares; from++) {
      const some = Array.from({ length: threshold }, (_, at) => texts[(from + at) % shares] ?? "");
      const combined = await combineShares(some.map((text) => parseShare(text.toUpperCase().replaceAll(" ", "-"))));
      assert.equal(hex(combined.bytes), hex(secret.bytes));
    }
    const all = await combineShares(texts.map(parseShare));
    assert.equal(hex(all.bytes), hex(secret.bytes));
  }
});

test("fewer shares than the threshold are refused, and how many there are is said", async () => {
  const [one, two] = (await typed(3, 5)).map(parseShare);
  assert.ok(one !== undefined && two !== undefined);
  await assert.rejects(combineShares([]), { code: "KIT_REJECTED" });
  await assert.rejects(combineShares([one]), { code: "KIT_REJECTED", message: /needs 3 shares, and there is 1$/ });
  await assert.rejects(combineShares([one, two]), {
    code: "KIT_REJECTED",
    message: /needs 3 shares, and there are 2$/,
  });
  await assert.rejects(combineShares([one, two, two]), { code: "KIT_REJECTED", message: /share 2 is there twice/ });
});

test("one share fewer than the threshold: what they are and sum up to takes every value, whatever the secret is", async () => {
  for (const secretByte of [0, 255]) {
    const secret = new Secret(new Uint8Array(32).fill(secretByte));
    for (const threshold of [2, 3]) {
      const seen = Array.from({ length: threshold - 1 }, () => new Set<number>());
      const sums = new Set<number>();
      for (let times = 0; times < 400; times++) {
        const shares = await splitKit(secret, { threshold, shares: threshold });
        const bytes = shares.slice(1).map(({ part }) => part.bytes.subarray(0, 32));
        for (const [at, part] of bytes.entries()) for (const byte of part) seen[at]?.add(byte);
        for (let at = 0; at < 32; at++) sums.add(bytes.reduce((sum, part) => sum ^ (part[at] ?? 0), 0));
      }
      // Of 12,800 bytes each of 256 values is missing with e^-50: a polynomial that could not be constant would miss one.
      for (const values of [...seen, sums]) assert.equal(values.size, 256);
    }
  }
});

test("shares of two sets are not mixed", async () => {
  const [one] = (await typed(2, 2)).map(parseShare);
  const [, two] = (await typed(2, 2)).map(parseShare);
  assert.ok(one !== undefined && two !== undefined);
  await assert.rejects(combineShares([one, two]), {
    code: "KIT_REJECTED",
    message: new RegExp(`several sets: ${one.setId} and ${two.setId}`),
  });
  await assert.rejects(combineShares([one, { ...two, setId: one.setId }]), {
    code: "KIT_REJECTED",
    message: /do not fit together/,
  });
  await assert.rejects(combineShares([one, { ...one, index: 2 }]), { message: /do not fit together/ });
  const ofThree = (await typed(3, 5)).map(parseShare);
  await assert.rejects(combineShares([...ofThree.slice(0, 2), two]), { message: /of several sets/ });
  const [first, second] = ofThree;
  assert.ok(first !== undefined && second !== undefined);
  const asOfTwo = [first, second].map((share) => ({ ...share, threshold: 2 })); // two that claim to be enough
  await assert.rejects(combineShares(asOfTwo), { code: "KIT_REJECTED", message: /do not fit together/ });
  await assert.rejects(combineShares([first, { ...second, threshold: 2 }]), { code: "KIT_REJECTED" });
});

test("one wrong character is found, wherever it is, and its group is named", async () => {
  const [text = ""] = await typed(2, 3);
  const groups = text.split(" ");
  const change = fc.tuple(
    fc.nat(groups.length - 1),
    fc.nat(4),
    fc.constantFrom(...Array.from("0123456789abcdefghjkmnpqrstvwxyz!é")),
  );
  fc.assert(
    fc.property(change, ([group, at, character]) => {
      const right = groups[group] ?? "";
      if (right[at] === character) return;
      const wrong = groups.with(group, right.slice(0, at) + character + right.slice(at + 1)).join(" ");
      assert.throws(() => parseShare(wrong), { code: "KIT_INVALID", message: new RegExp(`in group ${group + 1}$`) });
    }),
  );
});

test("a text that was cut, or of which groups changed places, is refused", async () => {
  const [text = ""] = await typed(2, 3);
  for (const cut of ["", text.slice(0, 50), text.slice(1), `${text} 0000g`]) {
    assert.throws(() => parseShare(cut), { code: "KIT_INVALID", message: /characters, and a share has 90/ });
  }
  const [first = "", second = "", ...rest] = text.split(" ");
  assert.throws(() => parseShare([second, first, ...rest].join(" ")), { code: "KIT_INVALID", message: /group 1, 2$/ });
});

test("letters that look like digits are read as those, and full-width ones as plain ones", async () => {
  const [text = ""] = await typed(1, 1);
  const wide = text.replaceAll(/[0-9a-z]/g, (letter) => String.fromCodePoint((letter.codePointAt(0) ?? 0) + 0xfee0));
  assert.equal(textOf(parseShare(wide.replaceAll(" ", "\u3000"))), text);
  const share = parseShare(text.replaceAll("1", "l").replaceAll("0", "O"));
  assert.equal(textOf(share), text);
});

test("numbers that cannot be are refused", async () => {
  for (const [threshold, shares] of [
    [0, 1],
    [2, 1],
    [1, 256],
    [1.5, 2],
  ] as const) {
    await assert.rejects(splitKit(known(), { threshold, shares }), { code: "ARGUMENT_INVALID" });
  }
});
