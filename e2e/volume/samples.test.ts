import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { test } from "node:test";
import type { TestContext } from "node:test";

import { newFolder, sampleImages, skipUnless, unpacked } from "./rig.ts";

/** What is known of an image; an empty value means that it has no such thing. */
type Expected = Readonly<Record<string, string>>;

const bin = join(import.meta.dirname, "../../bin/lockstep");

/** Runs `lockstep`, hashing standard output as it comes. */
async function run(
  folder: string,
  ...words: readonly string[]
): Promise<{ readonly status: number; readonly sha256: string; readonly stdout: string; readonly stderr: string }> {
  const env = { ...process.env, HOME: folder, LOCKSTEP_CONFIG: join(folder, "config.toml") };
  const child = spawn(bin, words, { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
  const closed = once(child, "close");
  const hash = createHash("sha256");
  const start: Buffer[] = [];
  const stderr = text(child.stderr);
  await pipeline(child.stdout, async (pieces: AsyncIterable<Buffer>) => {
    for await (const piece of pieces) {
      hash.update(piece);
      if (start.length < 4) start.push(piece);
    }
  });
  const [status] = (await closed) as [number | null];
  const stdout = Buffer.concat(start).toString("utf8");
  return { status: status ?? -1, sha256: hash.digest("hex"), stdout, stderr: await stderr };
}

/** Works on all of a list, two at once. */
async function byTwo<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  const left = [...items];
  const worker = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
  };
  await Promise.all([worker(), worker()]);
}

/** The options that name each secret of an image, with the protector that it opens. */
function secretsOf(
  folder: string,
  name: string,
  expected: Expected,
): readonly (readonly [options: readonly string[], protector: string])[] {
  const found: (readonly [readonly string[], string])[] = [];
  const { PW, RP, RP2, SK_VMK_GUID, CLEARKEY_VMK_GUID } = expected;
  const add = (option: string, secret: string | undefined, protector: string | undefined): void => {
    if (secret === undefined || secret === "") return;
    const file = `${name}-${found.length}.secret`;
    writeFileSync(join(folder, file), `${secret}\r\n`);
    found.push([[option, file], protector ?? ""]);
  };
  add("--passphrase-file", PW, expected["PW_VMK_GUID"]);
  add("--recovery-password-file", RP, expected["RP_VMK_GUID"]);
  add("--recovery-password-file", RP2, expected["RP2_VMK_GUID"]);
  if (SK_VMK_GUID) found.push([["--startup-key", `${SK_VMK_GUID.toUpperCase()}.BEK`], SK_VMK_GUID]);
  if (CLEARKEY_VMK_GUID) found.push([[], CLEARKEY_VMK_GUID]);
  return found;
}

/** A folder with a format's images, unpacked, and what lies beside them. */
function samples(
  t: TestContext,
  format: string,
): { readonly folder: string; readonly names: readonly string[] } | null {
  const images = sampleImages(t, format);
  if (images === null || skipUnless(t, "xz")) return null;
  const folder = newFolder(t);
  writeFileSync(join(folder, "config.toml"), "");
  const names: string[] = [];
  for (const file of readdirSync(images)) {
    if (!file.endsWith(".img.xz")) copyFileSync(join(images, file), join(folder, file));
    else {
      names.push(file.slice(0, -".img.xz".length));
      writeFileSync(join(folder, file.slice(0, -".xz".length)), unpacked(join(images, file)));
    }
  }
  return { folder, names };
}

test("volume decrypt gives every sample image's plaintext, with every secret that it has", async (t) => {
  const found = samples(t, "bitlocker");
  if (found === null) return;
  const { folder } = found;
  const all = JSON.parse(readFileSync(join(folder, "expected.json"), "utf8")) as Record<string, Expected>;
  const trials = Object.entries(all).flatMap(([name, expected]) =>
    expected["SHA256SUM"] ? secretsOf(folder, name, expected).map((secret) => ({ name, expected, secret })) : [],
  );
  assert.ok(trials.length >= 20, `${trials.length} secrets`);
  await byTwo(trials, async ({ name, expected, secret: [options, protector] }) => {
    const what = `${name} ${options.join(" ")}`;
    const { status, sha256, stderr } = await run(folder, "volume", "decrypt", `${name}.img`, ...options, "--to", "-");
    assert.equal(status, 0, `${what}: ${stderr}`);
    assert.equal(sha256, expected["SHA256SUM"], what);
    assert.ok(stderr.includes(`${protector.slice(0, 8).toUpperCase()}, `), `${what}: ${stderr}`);
  });
});

test("of two recovery passwords each is tried on the protector that is named, as Windows shows it", async (t) => {
  const found = samples(t, "bitlocker");
  if (found === null) return;
  const { folder } = found;
  const name = "bitlk-aes-xts-128-two-recovery";
  const all = JSON.parse(readFileSync(join(folder, "expected.json"), "utf8")) as Record<string, Expected>;
  const ids = [all[name]?.["RP_VMK_GUID"], all[name]?.["RP2_VMK_GUID"]].map((id) => id ?? assert.fail());
  const secrets = secretsOf(folder, name, all[name] ?? {}).filter(([, protector]) => ids.includes(protector));
  assert.equal(secrets.length, 2);
  for (const [options, protector] of secrets) {
    for (const id of ids) {
      const words = ["volume", "check", `${name}.img`, ...options, "--protector", id.slice(0, 8).toUpperCase()];
      const { status, stdout, stderr } = await run(folder, ...words);
      assert.equal(status, id === protector ? 0 : 77, stderr);
      if (id === protector) assert.match(stdout, new RegExp(`recovery password ${id.slice(0, 8)}`, "i"));
      else assert.match(stderr, /does not open the one protector of its kind.*\[SECRET_REJECTED\]/);
    }
  }
});

test("a sample that no key reads with certainty is refused for that reason, with any of its secrets", async (t) => {
  const found = samples(t, "bitlocker");
  if (found === null) return;
  const { folder } = found;
  const all = JSON.parse(readFileSync(join(folder, "expected.json"), "utf8")) as Record<string, Expected>;
  const refused = Object.entries(all).filter(([, { SHA256SUM }]) => !SHA256SUM);
  assert.ok(refused.length > 0);
  for (const [name, expected] of refused) {
    for (const [options] of secretsOf(folder, name, expected)) {
      const { status, stdout, stderr } = await run(folder, "volume", "decrypt", `${name}.img`, ...options, "--to", "-");
      assert.deepEqual([status, stdout], [69, ""], stderr);
      assert.match(stderr, /encrypted as it is written to.*\[VOLUME_UNSUPPORTED\]/);
    }
  }
});

test("the LUKS1 samples open with their key file, and hold the FAT volume that they should", async (t) => {
  const found = samples(t, "luks1");
  if (found === null) return;
  const { folder, names } = found;
  assert.ok(names.length >= 4);
  await byTwo(names, async (name) => {
    const { status, stdout, stderr } = await run(
      ...([folder, "volume", "check", `${name}.img`, "--key-file", "keyfile1", "--json"] as const),
    );
    assert.equal(status, 0, `${name}: ${stderr}${stdout}`);
    const { content } = JSON.parse(stdout) as { content: { type: string; uuid: string } };
    assert.deepEqual([content.type, content.uuid], ["vfat", "DEAD-BABE"], name);
  });
});

test("one scan with a list finds a secret for every sample that can be read, and says none of them", async (t) => {
  const found = samples(t, "bitlocker");
  if (found === null) return;
  const { folder } = found;
  const all = JSON.parse(readFileSync(join(folder, "expected.json"), "utf8")) as Record<string, Expected>;
  // By the key id, as Windows shows it: one trial each.
  const rows = Object.values(all).flatMap(({ RP, RP_VMK_GUID }) =>
    RP ? [`${RP_VMK_GUID?.slice(0, 8).toUpperCase()},${RP}`] : [],
  );
  writeFileSync(join(folder, "keys.csv"), `name,secret\n${rows.join("\n")}\n`);
  const images = Object.keys(all).map((name) => `${name}.img`);
  const { status, stdout, stderr } = await run(folder, "scan", ...images, "--keys", "keys.csv");
  assert.equal(status, 2, `${stderr}${stdout}: one cannot be read`);
  for (const [name, { SHA256SUM, RP, CLEARKEY_VMK_GUID }] of Object.entries(all)) {
    const line = stdout.split("\n").find((each) => each.startsWith(`${name}.img `)) ?? "";
    if (!SHA256SUM) assert.match(line, /cannot be read here$/);
    else if (CLEARKEY_VMK_GUID) assert.match(line, /clear key [0-9A-F]{8}, without a secret$/);
    else assert.match(line, /line \d+ \(recovery password [0-9A-F]{8}\)$/);
    if (RP) assert.ok(!`${stdout}${stderr}`.includes(RP.slice(0, 6)), name);
  }
});
