import assert from "node:assert/strict";
import { test } from "node:test";

import { bindTo, prove, someMachine, somePoint } from "#testing/keys/presented-volume.ts";
import {
  damagedXfs,
  firstPassphrase,
  otherPoint,
  proving,
  xfsInLuks2,
  xfsInLuks2Maker,
} from "#testing/keys/proving.ts";
import { contentAt } from "#testing/volumes/luks2-content.ts";

test("a file system that was read and is gone is damage for a month; what never had one just opens", async () => {
  using keySide = await proving();
  const gone = xfsInLuks2.slice();
  gone.fill(0x5a, contentAt(0));
  await bindTo(keySide, xfsInLuks2, "keyslot 0", firstPassphrase);
  const verdictOf = async (image: Uint8Array, point: string): Promise<unknown> => {
    const { body } = await prove(keySide, image, { point, anew: true });
    return [body.verdict, body.structures];
  };
  assert.deepEqual(await verdictOf(gone, somePoint), ["opens", [0, 0]]);
  assert.deepEqual(await verdictOf(xfsInLuks2, somePoint), ["reads", [17, 17]]);
  assert.deepEqual(await verdictOf(gone, otherPoint), ["opens, content damaged", [0, 1]]);
  keySide.pass({ days: 31 });
  assert.deepEqual(await verdictOf(gone, "ee".repeat(16)), ["opens", [0, 0]]);
  assert.deepEqual(await verdictOf(gone, otherPoint), ["opens, content damaged", [0, 1]], "no time heals it");
});

test("an earlier proof of the same header is carried over, with its date, until the interval is over", async () => {
  using keySide = await proving();
  const { kdf } = keySide;
  await bindTo(keySide, xfsInLuks2, "keyslot 0", firstPassphrase);
  await prove(keySide, xfsInLuks2);
  const derived = kdf.requests.length;
  keySide.pass({ days: 6 });
  const carried = await prove(keySide, xfsInLuks2, { point: otherPoint });
  assert.deepEqual(
    [carried.body.verdict, carried.body.carriedOver, carried.body.at, carried.body.derivedAt, carried.body.structures],
    ["opens", true, "2026-01-07T00:00:00Z", "2026-01-01T00:00:00Z", [0, 0]],
    "the header is the same; of this point's content nothing was seen",
  );
  assert.deepEqual([carried.shown.length, kdf.requests.length], [0, derived]);

  const again = await prove(keySide, xfsInLuks2);
  assert.deepEqual([again.body.verdict, again.body.carriedOver, again.body.structures], ["reads", true, [17, 17]]);

  keySide.pass({ days: 2 });
  const real = await prove(keySide, xfsInLuks2, { point: "ee".repeat(16) });
  assert.deepEqual([real.body.carriedOver, real.body.derivedAt], [false, "2026-01-09T00:00:00Z"]);
  assert.ok(kdf.requests.length > derived);
});

test("a point whose content is damaged stays so while others with its header open; nothing is carried over to it", async () => {
  using keySide = await proving();
  await bindTo(keySide, xfsInLuks2, "keyslot 0", firstPassphrase);
  const hurt = damagedXfs(2 * 64 * 4096 + 600);
  await prove(keySide, hurt, { anew: true });
  keySide.pass({ days: 1 });
  await prove(keySide, xfsInLuks2, { point: otherPoint, anew: true });
  const later = await prove(keySide, hurt);
  assert.deepEqual([later.body.verdict, later.body.carriedOver], ["opens, content damaged", false]);
  const healed = await prove(keySide, xfsInLuks2);
  assert.deepEqual([healed.body.verdict, healed.body.carriedOver], ["reads", false]);
});

test("a version that could not be used for a while does not make a damaged point open", async () => {
  using keySide = await proving();
  await bindTo(keySide, xfsInLuks2, "keyslot 0", firstPassphrase);
  const gone = xfsInLuks2.slice();
  gone.fill(0x5a, contentAt(0));
  await prove(keySide, xfsInLuks2, { point: otherPoint });
  await prove(keySide, gone, { anew: true });
  const enable = (enabled: number): unknown =>
    keySide.side.store.db.prepare("UPDATE versions SET enabled = ?").run(enabled);
  enable(0);
  assert.equal((await prove(keySide, gone)).body.verdict, "version unusable");
  enable(1);
  const again = await prove(keySide, gone);
  assert.deepEqual([again.body.verdict, again.body.carriedOver], ["opens, content damaged", false]);
  enable(0);
  await prove(keySide, gone);
  enable(1);
  keySide.pass({ days: 31 });
  assert.equal((await prove(keySide, gone)).body.verdict, "opens, content damaged");
});

test("nothing is carried over for another header, machine, disk, volume or version, when asked anew, or from a later time", async () => {
  using keySide = await proving();
  const { kdf } = keySide;
  await bindTo(keySide, xfsInLuks2, "keyslot 0", firstPassphrase);
  await prove(keySide, xfsInLuks2);
  const isCarried = async (more: Parameters<typeof prove>[2], image = xfsInLuks2): Promise<boolean> => {
    const before = kdf.requests.length;
    const { body } = await prove(keySide, image, { point: otherPoint, ...more });
    assert.equal(body.carriedOver, kdf.requests.length === before);
    return body.carriedOver;
  };
  assert.equal(await isCarried({}), true);
  assert.equal(await isCarried({ anew: true }), false);
  assert.equal(await isCarried({ machine: otherPoint }), false);
  assert.equal(await isCarried({ disk: "disk1" }), false);
  assert.equal(await isCarried({ volume: "2" }), false);
  const labelled = xfsInLuks2Maker.copy().written({ label: "changed" });
  assert.equal(await isCarried({}, labelled), false);
  keySide.pass({ days: -1 });
  assert.equal(await isCarried({ volume: "1", machine: someMachine }), false, "those there are lie ahead of the clock");

  keySide.pass({ days: 1 });
  const { db } = keySide.side.store;
  db.prepare("UPDATE versions SET enabled = 0").run();
  const disabled = await prove(keySide, xfsInLuks2);
  assert.deepEqual(
    [disabled.body.verdict, disabled.body.version, disabled.body.derivedAt],
    ["version unusable", "web01/v1", null],
  );
});
