import assert from "node:assert/strict";

import { utf8 } from "#bytes/text.ts";
import { LockstepError } from "#errors/errors.ts";
import { AREA_BYTES, HEADER_BYTES, Luks2Maker, put } from "#testing/volumes/luks2-maker.ts";
import type { MadeJson, MadeObject } from "#testing/volumes/luks2-maker.ts";
import { parseJsonArea } from "#volume/luks2/json.ts";
import { parseLuks2Metadata } from "#volume/luks2/parse.ts";
import { checkLuks2Rules } from "#volume/luks2/rules.ts";

/** The JSON of a good header with two keyslots. */
export const goodJson: MadeObject = Luks2Maker.make("rules", [
  { number: 0, passphrase: "a" },
  { number: 1, passphrase: "b" },
]).json;

/** Changes of that JSON by path; undefined takes away. */
export type Changes = Readonly<Record<string, MadeJson | undefined>>;

/** Changes, and the message that refuses them, by what they come to. */
export type Refusals = Readonly<Record<string, readonly [Changes, RegExp]>>;

/** A keyslot that notes a conversion. */
export const reencrypt = {
  type: "reencrypt",
  key_size: 1,
  mode: "reencrypt",
  direction: "forward",
  area: { type: "none", offset: String(2 * HEADER_BYTES + 2 * AREA_BYTES), size: "4096" },
};

/** Reads the good JSON with changes, and checks it by the rules. @throws {LockstepError} HEADER_CORRUPT */
export function readChanged(changes: Changes): void {
  const json = structuredClone(goodJson);
  for (const [path, value] of Object.entries(changes)) put(json, path, value);
  const area = new Uint8Array(64 * 1024);
  area.set(utf8(JSON.stringify(json)));
  checkLuks2Rules(parseLuks2Metadata(parseJsonArea(area, "header"), "header"), HEADER_BYTES, "header");
}

export function assertRefused(name: string, changes: Changes, message: RegExp): void {
  assert.throws(
    () => readChanged(changes),
    (error) => {
      assert.ok(error instanceof LockstepError && error.code === "HEADER_CORRUPT", `${name}: ${String(error)}`);
      assert.match(error.message, message, name);
      return true;
    },
    name,
  );
}

export function assertAllRefused(refusals: Refusals): void {
  for (const [name, [changes, message]] of Object.entries(refusals)) assertRefused(name, changes, message);
}
