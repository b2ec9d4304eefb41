import assert from "node:assert/strict";
import { test } from "node:test";

import { ProofSeats, SEATS } from "#keys/proofs/proof-seats.ts";

test("an asker has so many seats and no more, and gets each back once", () => {
  const seats = new ProofSeats();
  const taken = Array.from({ length: SEATS }, () => seats.take("a"));
  assert.throws(() => seats.take("a"), { code: "RATE_LIMITED", message: /8 proofs of yours are under way/ });
  seats.take("b")[Symbol.dispose]();
  const [first] = taken;
  first?.[Symbol.dispose]();
  first?.[Symbol.dispose]();
  seats.take("a");
  assert.throws(() => seats.take("a"), { code: "RATE_LIMITED" });
});
