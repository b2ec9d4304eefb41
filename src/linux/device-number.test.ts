import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { test } from "node:test";

import fc from "fast-check";

import { deviceId, deviceNumber, deviceNumberFromHex } from "#linux/device-number.ts";

test("a device number goes to text and back, above 255 too", () => {
  const part = fc.nat(2 ** 20 - 1);
  fc.assert(
    fc.property(part, part, (major, minor) => deviceNumber(deviceId(`${major}:${minor}`)) === `${major}:${minor}`),
  );
});

test("numbers of nodes that every Linux has come out right", () => {
  assert.equal(deviceNumber(statSync("/dev/null", { bigint: true }).rdev), "1:3");
  assert.equal(deviceNumberFromHex("fe:00"), "254:0");
});
