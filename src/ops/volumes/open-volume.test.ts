import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";

import { Secret } from "#bytes/secret.ts";
import { contentOf, withVolume } from "#ops/volumes/open-volume.ts";
import type { OpenedVolume, OpenVolumeRequest } from "#ops/volumes/open-volume.ts";
import { DATA_AT, put } from "#testing/volumes/luks2-maker.ts";
import { luks2Sample, passphrase } from "#testing/volumes/luks2-sample.ts";
import { Pbkdf2Deriver } from "#testing/volumes/pbkdf2-deriver.ts";
import { defaultCostLimit } from "#volume/header/kdf-cost.ts";

const { signal } = new AbortController();

/** Writes a file of these bytes, and gives its path. */
function file(t: TestContext, bytes: Uint8Array): string {
  const folder = mkdtempSync(join(tmpdir(), "lockstep-open-volume-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "disk.raw");
  writeFileSync(path, bytes);
  return path;
}

async function open<Result>(
  path: string,
  more: Partial<OpenVolumeRequest>,
  use: (opened: OpenedVolume) => Promise<Result>,
): Promise<Result> {
  const request = { path, volume: null, headerPath: null, secret: passphrase("first"), only: null, ...more };
  return withVolume({ ...request, limit: defaultCostLimit, kdf: new Pbkdf2Deriver() }, use, signal);
}

const never = (): never => assert.fail("opened");

test("a header that was made for another device opens, and is not taken for its own data", async (t) => {
  const maker = luks2Sample.copy();
  put(maker.json, "segments.0.offset", "0");
  const volume = maker.written();
  const header = file(t, volume);
  await open(header, {}, async (opened) => {
    assert.equal(opened.protector?.id, "keyslot 0");
    assert.equal(await contentOf(opened, signal), null);
    assert.equal(opened.unreadable?.code, "VOLUME_UNSUPPORTED");
    assert.match(opened.unreadable.message, /a header without its data/);
    assert.match(opened.unreadable.hint ?? "", /--header/);
  });
  const data = file(t, volume.subarray(DATA_AT));
  await open(data, { headerPath: header }, ({ plain }) => {
    assert.equal(plain?.sizeBytes, volume.length - DATA_AT);
    return Promise.resolve();
  });
});

test("a secret that opens nothing is rejected with what to try next", async (t) => {
  const path = file(t, luks2Sample.copy().written());
  const wrong = new Secret(new Uint8Array([1]));
  for (const [secret, hint] of [
    [{ kind: "passphrase", secret: wrong }, /--key-file all bytes/],
    [{ kind: "key-file", secret: wrong }, /--passphrase-file takes the first line/],
    [{ kind: "startup-key", secret: wrong }, /`lockstep disk inspect`/],
    [{ kind: "none" }, /--recovery-password-file/],
  ] as const) {
    await assert.rejects(open(path, { secret }, never), { code: "SECRET_REJECTED", hint });
  }
});
