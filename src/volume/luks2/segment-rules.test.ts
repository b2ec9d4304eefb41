import assert from "node:assert/strict";
import { test } from "node:test";

import { DATA_AT, cryptSegment } from "#testing/volumes/luks2-maker.ts";
import { assertAllRefused, readChanged } from "#testing/volumes/luks2-rules.ts";
import type { Changes } from "#testing/volumes/luks2-rules.ts";

const MOVED = { flags: ["backup-previous"] };
const opal = {
  ...cryptSegment({ type: "hw-opal", size: "1024" }),
  opal_segment_number: 1,
  opal_key_size: 32,
  opal_segment_size: "1024",
};

test("segments that cryptsetup accepts are accepted", () => {
  const accepted: Readonly<Record<string, Changes>> = {
    "a segment of a type that nobody knows": { "segments.0.type": "x" },
    "two data segments": {
      "segments.0.size": "512",
      "segments.1": cryptSegment({ offset: String(DATA_AT + 512) }),
      "digests.0.segments": ["0", "1"],
    },
    "a linear segment that no digest belongs to": {
      "segments.0": { type: "linear", offset: String(DATA_AT), size: "dynamic" },
    },
    "the greatest size": { "segments.0.size": String((1n << 64n) - 512n) },
    "sectors of 3 × 512 bytes": { "segments.0.sector_size": 1536 },
    "the greatest IV tweak": { "segments.0.iv_tweak": String((1n << 64n) - 1n) },
    "a number with leading zeros": { "segments.0.offset": `000${DATA_AT}` },
    "data on another device": { "segments.0.offset": "0" },
    "a backup segment": { "segments.1": cryptSegment(MOVED), "digests.0.segments": ["0", "1"] },
    "a segment that a drive encrypts": { "segments.0": opal },
  };
  for (const [name, changes] of Object.entries(accepted)) assert.doesNotThrow(() => readChanged(changes), name);
});

test("segments are numbered without gaps, backup segments last, and only the last data segment is dynamic", () => {
  assertAllRefused({
    "no segments": [{ segments: {}, "digests.0.segments": [] }, /segments: there is none/],
    "more segments than anybody makes": [
      { segments: Object.fromEntries(Array.from({ length: 33 }, (_, number) => [number, cryptSegment()])) },
      /segments: there are more than 32/,
    ],
    "a gap between segments": [
      { "segments.0.size": "512", "segments.2": cryptSegment({ offset: "0" }) },
      /segments\.2: there is no segment 1/,
    ],
    "no segment 0": [
      { segments: { 1: cryptSegment() }, "digests.0.segments": ["1"] },
      /segments\.1: there is no segment 0/,
    ],
    "only a backup segment": [{ "segments.0": cryptSegment(MOVED) }, /backup segments only/],
    "data behind a backup segment": [
      { "segments.1": cryptSegment(MOVED), "segments.2": cryptSegment(), "digests.0.segments": ["0", "1", "2"] },
      /segments\.2\.flags: a data segment behind/,
    ],
    "a dynamic segment that is not the last": [
      { "segments.1": cryptSegment({ offset: "0", size: "512" }), "digests.0.segments": ["0", "1"] },
      /segments\.0\.size: only the last/,
    ],
  });
});

test("segments lie apart, and end within 64 bits", () => {
  assertAllRefused({
    "segments that overlap": [
      {
        "segments.0.size": "1024",
        "segments.1": cryptSegment({ offset: String(DATA_AT + 512) }),
        "digests.0.segments": ["0", "1"],
      },
      /segments\.0: it overlaps segments\.1/,
    ],
    "a segment inside of a dynamic one": [
      {
        "segments.0": cryptSegment({ offset: String(DATA_AT + 512), size: "512" }),
        "segments.1": cryptSegment(),
        "digests.0.segments": ["0", "1"],
      },
      /segments\.1: it overlaps segments\.0/,
    ],
    "a segment whose end does not fit 64 bits": [
      {
        "segments.0.size": String((1n << 64n) - 512n),
        "segments.1": cryptSegment({ offset: String((1n << 64n) - 512n) }),
        "digests.0.segments": ["0", "1"],
      },
      /segments\.0: its end does not fit 64 bits/,
    ],
    "the last of two segments, whose end does not fit 64 bits": [
      {
        "segments.0.size": "512",
        "segments.1": cryptSegment({ offset: String((1n << 64n) - 512n), size: "512" }),
        "digests.0.segments": ["0", "1"],
      },
      /segments\.1: its end does not fit 64 bits/,
    ],
  });
});

test("a segment has a place of whole sectors, flags that are texts, and a digest", () => {
  assertAllRefused({
    "an offset inside of a sector": [
      { "segments.0.offset": String(DATA_AT + 1) },
      /segments\.0\.offset: .*multiple of 512/,
    ],
    "a size of 0": [{ "segments.0.size": "0" }, /segments\.0\.size: .*multiple of 512/],
    "a size of half a sector": [{ "segments.0.size": "1000" }, /segments\.0\.size: .*multiple of 512/],
    "a size of half a large sector": [
      { "segments.0.size": "512", "segments.0.sector_size": 4096 },
      /segments\.0\.size: .*sector_size/,
    ],
    "sectors of 0 bytes": [{ "segments.0.sector_size": 0 }, /segments\.0\.sector_size/],
    "sectors of 511 bytes": [{ "segments.0.sector_size": 511 }, /segments\.0\.sector_size/],
    "flags of a segment that are no array": [{ "segments.0.flags": "x" }, /segments\.0\.flags: /],
    "flags of a segment that are no texts": [{ "segments.0.flags": [1] }, /segments\.0\.flags\.0: /],
    "a segment that no digest belongs to": [{ "digests.0.segments": [] }, /segments\.0: no digest/],
  });
});

test("integrity says its type and both journals", () => {
  assertAllRefused({
    "integrity that is no object": [{ "segments.0.integrity": "x" }, /segments\.0\.integrity/],
    "integrity of no type": [
      { "segments.0.integrity": { journal_encryption: "none", journal_integrity: "none" } },
      /integrity\.type/,
    ],
    "integrity without journal encryption": [
      { "segments.0.integrity": { type: "aead", journal_integrity: "none" } },
      /integrity\.journal_encryption/,
    ],
    "integrity without journal integrity": [
      { "segments.0.integrity": { type: "aead", journal_encryption: "none" } },
      /integrity\.journal_integrity/,
    ],
  });
});

test("a segment that a drive encrypts has a size, a number, a key size and a range", () => {
  assertAllRefused({
    "a drive's segment without size": [{ "segments.0": { ...opal, size: "dynamic" } }, /segments\.0\.size: /],
    "a drive's segment without number": [
      { "segments.0": { ...opal, opal_segment_number: "1" } },
      /opal_segment_number/,
    ],
    "a drive's segment without key size": [{ "segments.0": { ...opal, opal_key_size: "1" } }, /opal_key_size/],
    "a drive's segment beyond its range": [
      { "segments.0": { ...opal, opal_segment_size: "512" } },
      /opal_segment_size: .*smaller/,
    ],
    "a drive's segment with a cipher but no tweak": [
      { "segments.0": { ...opal, type: "hw-opal-crypt", iv_tweak: "x" } },
      /segments\.0\.iv_tweak/,
    ],
  });
});
