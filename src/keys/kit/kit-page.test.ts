import assert from "node:assert/strict";
import { test } from "node:test";

import { base32Groups } from "#bytes/base32-text.ts";
import { Secret } from "#bytes/secret.ts";
import { systemRandom } from "#crypto/derive.ts";
import { isCheckWord, newCheckWord } from "#keys/kit/check-word.ts";
import { kitPage } from "#keys/kit/kit-page.ts";
import type { KitPage } from "#keys/kit/kit-page.ts";
import { shareGroups } from "#keys/kit/kit-share.ts";
import { splitKit } from "#keys/kit/kit-shares.ts";

async function page(change: Partial<KitPage> = {}): Promise<KitPage> {
  const [share] = await splitKit(new Secret(systemRandom(32)), { threshold: 2, shares: 3 });
  assert.ok(share !== undefined);
  return {
    custodian: "Anna",
    share,
    shares: 3,
    checkWord: "bafotilu",
    madeAt: Temporal.Instant.from("2026-11-27T12:00Z"),
    storeId: "5".repeat(32),
    signingKey: new Uint8Array(32).fill(7),
    vaults: [{ id: "a".repeat(32), place: "/backup/vault", rootCommitment: new Uint8Array(32).fill(9) }],
    ...change,
  };
}

test("a page has everything that recovery needs, in both languages", async () => {
  const given = await page();
  const html = kitPage(given);
  const groups = [
    ...shareGroups(given.share),
    ...base32Groups(given.signingKey),
    ...base32Groups(new Uint8Array(32).fill(9)),
  ];
  for (const part of [...groups, "bafotilu", "2026-11-27", "/backup/vault", "5".repeat(32), "a".repeat(32)]) {
    assert.ok(html.includes(part), part);
  }
  assert.equal(html.match(/<svg /g)?.length, 2);
  assert.match(html, /Any 2 of the 3 pages together are enough/);
  assert.match(html, /共 3 页，任意 2 页合在一起即可恢复/);
  assert.equal(html.match(/<code>lockstep recover --vault /g)?.length, 2);
  assert.match(html, /HKDF-SHA-256 .*<code>lockstep v1 kit copies<\/code>/s); // as docs/format/kit.md says, for the day when that is lost
});

/** What both languages have to say alike: commands and files, how many steps and headings there are, and facts of this very kit. */
function saidIn(section: string) {
  const own = section.replaceAll(/<p lang="en"[^]*?<\/p>/g, ""); // for programmers, and there once
  const codes = [...own.matchAll(/<code>([^<]*)<\/code>/g)].map(([, code = ""]) => code.replace(/ \/.*$/, ""));
  const facts = ["Anna", "2026-11-27", "5".repeat(32), "age-encryption.org"].filter((fact) => own.includes(fact));
  const numbers = /(?:Page|第) ([0-9]+) (?:of|页，共) ([0-9]+)/.exec(own)?.slice(1);
  return { codes: codes.toSorted(), steps: own.match(/<li>/g)?.length, facts, numbers };
}

test("both languages give the same commands, steps and facts", async () => {
  for (const threshold of [1, 2]) {
    const shares = threshold === 1 ? 1 : 3;
    const [share] = await splitKit(new Secret(systemRandom(32)), { threshold, shares });
    assert.ok(share !== undefined);
    const html = kitPage(await page({ share, shares }));
    const [, english = "", chinese = ""] = html.split("<section");
    const said = saidIn(english);
    assert.deepEqual([said.steps, said.facts.length, said.numbers], [5, 4, ["1", String(shares)]]);
    assert.deepEqual(saidIn(chinese), said);
  }
});

test("however many vaults there are, each QR code can be read", async () => {
  const vaults = Array.from({ length: 50 }, (_, at) => ({
    id: String(at).padStart(32, "0"),
    place: `/backup/${at}`,
    rootCommitment: new Uint8Array(32).fill(at),
  }));
  const html = kitPage(await page({ vaults }));
  const sizes = [...html.matchAll(/viewBox="0 0 (\d+) /g)].map(([, size]) => Number(size) / 10);
  assert.equal(sizes.length, 1 + Math.ceil(51 / 3));
  for (const size of sizes) assert.ok(size <= 65, String(size)); // modules, each of half a millimetre or more
  for (const { place } of vaults) assert.ok(html.includes(`<br>${place}</h3>`));
});

test("where one page is enough, it says so, and asks for no other custodian", async () => {
  const [share] = await splitKit(new Secret(systemRandom(32)), { threshold: 1, shares: 1 });
  const html = kitPage(await page({ ...(share === undefined ? {} : { share }), shares: 1 }));
  assert.match(html, /This page alone is enough/);
  assert.ok(!html.includes("other custodians"));
});

test("a page loads nothing from anywhere, and names are text in it, whatever they are", async () => {
  const vaults = [{ id: "a".repeat(32), place: "<u>", rootCommitment: new Uint8Array(32) }];
  const html = kitPage(await page({ custodian: `<script>"'&`, vaults }));
  assert.ok(html.includes("&lt;script&gt;&quot;'&amp;"));
  assert.ok(!html.includes("<script>") && !html.includes("<u>"));
  assert.deepEqual(html.match(/(?:src|href)=|url\(|@import/g), null);
  assert.match(html, /default-src 'none'/);
});

test("a check word can be said, differs from page to page, and is known however it was typed", () => {
  const words = Array.from({ length: 200 }, () => newCheckWord(systemRandom));
  for (const word of words) assert.match(word, /^([bdfghjklmnprstvz][aeiou]){4}$/);
  assert.ok(new Set(words).size > 190);
  assert.ok(isCheckWord("bafotilu", " BAFO tilu "));
  for (const typed of ["", "bafotil", "bafotilux", "bafotili"]) assert.ok(!isCheckWord("bafotilu", typed), typed);
});
