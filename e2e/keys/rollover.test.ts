import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { setTimeout } from "node:timers/promises";

import { base64 } from "#bytes/text.ts";
import { openDisk } from "#disk/open.ts";
import { readLiveHeader } from "#ops/volumes/live-header.ts";
import { headerBackupPath, removeProvenHeaders } from "#ops/rollover/rollover-backup.ts";
import { beginRollover, doRolloverTask, lookAtRollover, runRollover } from "#ops/rollover/rollover.ts";
import type { RolloverVolume } from "#ops/rollover/rollover.ts";
import { RolloverValues } from "#ops/rollover/rollover-values.ts";
import { volumeSource } from "#ops/volumes/volume-source.ts";
import { skipUnless } from "../volume/rig.ts";
import { RolloverTrial, addSlot, format, oldSecret, opens, run, slots } from "./rollover-rig.ts";
import type { Luks } from "./rollover-rig.ts";

const { signal } = new AbortController();
const formats: readonly Luks[] = ["luks1", "luks2"];
const silent = (): void => undefined;

type Bound = { readonly trial: RolloverTrial; readonly volume: RolloverVolume; readonly binding: string };

async function bound(t: TestContext, type: Luks, size = "24M", more: readonly string[] = []): Promise<Bound> {
  const trial = await RolloverTrial.make(t);
  const path = trial.image(size);
  format(path, type, more);
  return { trial, ...(await trial.bind(path)) };
}

/** Begins, and says under what id. */
async function begin({ trial, volume, binding }: Bound): Promise<string> {
  return (await beginRollover(trial.deps, volume, { binding, executor: "cryptsetup" }, signal)).id;
}

/** Looks at the live header, and does one task. */
async function step({ trial, volume }: Bound, rollover: string): Promise<void> {
  const look = await lookAtRollover(trial.deps, volume, { rollover, aim: "forward" }, signal);
  using values = new RolloverValues(trial.client, rollover);
  await doRolloverTask(volume, look, values, signal);
}

async function finish(
  { trial, volume }: Bound,
  rollover: string,
  aim: "forward" | "back" = "forward",
): Promise<string> {
  const { rollover: ended } = await runRollover(trial.deps, volume, { rollover, aim }, silent, signal);
  return ended.step;
}

/** What cryptsetup shows of a keyslot with the least that a try can cost: a generated secret needs no more. */
const cheapestInSlot1 =
  /^( {2}1: luks2\n(\t.*\n)*\tPBKDF: +pbkdf2\n(\t.*\n)*\tIterations: 1000\n|Key Slot 1: ENABLED\n\tIterations:\s+1000\s)/m;

for (const type of formats) {
  test(`${type}: cryptsetup adds the new secret and removes the old one, and the header as it was is kept`, async (t) => {
    if (skipUnless(t, "cryptsetup")) return;
    const world = await bound(t, type);
    const { trial, volume } = world;
    const id = await begin(world);
    await step(world, id);
    const made = await trial.newSecret(id);
    assert.deepEqual([opens(volume.path, oldSecret), opens(volume.path, made)], [true, true]);
    assert.equal(await finish(world, id), "removed");
    assert.deepEqual([opens(volume.path, oldSecret), opens(volume.path, made)], [false, true]);
    assert.deepEqual(slots(volume.path), [1]);
    assert.match(run("cryptsetup", ["luksDump", volume.path]), cheapestInSlot1);
    const kept = headerBackupPath(trial.deps.backupFolder, id);
    assert.equal(statSync(kept).mode & 0o777, 0o600);
    assert.deepEqual([opens(kept, oldSecret), opens(kept, made)], [true, false]);
  });

  test(`${type}: dropped after each step, it goes on where it stands, and leaves one keyslot`, async (t) => {
    if (skipUnless(t, "cryptsetup")) return;
    for (const steps of [0, 1, 2]) {
      for (const looksOnly of [false, true]) {
        const world = await bound(t, type);
        const id = await begin(world);
        for (let done = 0; done < steps; done++) await step(world, id);
        assert.equal(await begin(world), id);
        // Looked, and killed before anything was done.
        const what = { rollover: id, aim: "forward" } as const;
        if (looksOnly) await lookAtRollover(world.trial.deps, world.volume, what, signal);
        assert.equal(await finish(world, id), "removed");
        assert.deepEqual(slots(world.volume.path), [1]);
        const { rollovers } = await world.trial.client.call("rollover.list", {}, signal);
        assert.equal(rollovers.find((each) => each.id === id)?.step, "removed");
      }
    }
  });

  test(`${type}: it goes back to what it was, at each step before the old secret is gone`, async (t) => {
    if (skipUnless(t, "cryptsetup")) return;
    for (const steps of [0, 1]) {
      const world = await bound(t, type);
      const id = await begin(world);
      for (let done = 0; done < steps; done++) await step(world, id);
      assert.equal(await finish(world, id, "back"), "abandoned");
      assert.ok(opens(world.volume.path, oldSecret));
      assert.deepEqual(slots(world.volume.path), [0]);
    }
  });

  test(`${type}: a header that somebody else changes in between is looked at again, and his keyslot stays`, async (t) => {
    if (skipUnless(t, "cryptsetup")) return;
    const world = await bound(t, type);
    const { trial, volume } = world;
    const id = await begin(world);
    const look = await lookAtRollover(trial.deps, volume, { rollover: id, aim: "forward" }, signal);
    assert.deepEqual(look.task, { do: "add", slot: 1 });
    addSlot(volume.path, "somebody was quicker", 1);
    using values = new RolloverValues(trial.client, id);
    await doRolloverTask(volume, look, values, signal);
    assert.deepEqual(slots(volume.path), [0, 1]);
    assert.equal(await finish(world, id), "removed");
    assert.deepEqual(slots(volume.path), [1, 2]);
    assert.ok(opens(volume.path, "somebody was quicker"));
  });

  test(`${type}: a secret that was changed on the disk since it was bound is found before anything is made`, async (t) => {
    if (skipUnless(t, "cryptsetup")) return;
    const world = await bound(t, type);
    const { path } = world.volume;
    addSlot(path, "changed", 1);
    run("cryptsetup", ["luksKillSlot", "-q", "--key-file", "-", path, "0"], "changed");
    const before = readFileSync(path);
    await assert.rejects(begin(world), { code: "NOT_BOUND" });
    assert.deepEqual(readFileSync(path), before);
    const { versions } = await world.trial.client.call("key.show", { name: "web01" }, signal);
    assert.equal(versions.length, 1);
  });
}

test("a header without room for a keyslot is said before anything is made", async (t) => {
  if (skipUnless(t, "cryptsetup")) return;
  const luks1 = await bound(t, "luks1");
  for (let slot = 1; slot < 8; slot++) addSlot(luks1.volume.path, `secret ${slot}`, slot);
  const luks2 = await bound(t, "luks2", "24M", ["--luks2-keyslots-size", "512k"]);
  // One keyslot for a volume key of 64 bytes takes 252 KiB, so two fill the place.
  addSlot(luks2.volume.path, "secret 1", 1);
  for (const world of [luks1, luks2]) {
    const before = readFileSync(world.volume.path);
    await assert.rejects(begin(world), { code: "KEYSLOTS_FULL" });
    assert.deepEqual(readFileSync(world.volume.path), before);
  }
});

test("a key file with any bytes in it is rolled over to one that can be typed", async (t) => {
  if (skipUnless(t, "cryptsetup")) return;
  const trial = await RolloverTrial.make(t);
  const path = trial.image("24M");
  const value = Uint8Array.from({ length: 700 }, (_, at) => (at * 7) % 256); // newlines and zeros among them
  const file = join(trial.folder, "key file");
  writeFileSync(file, value);
  run("cryptsetup", ["luksFormat", "-q", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000", path, file]);
  const world = { trial, ...(await trial.bind(path, { kind: "key-file", value })) };
  const id = await begin(world);
  await step(world, id);
  const made = await trial.newSecret(id);
  assert.equal(await finish(world, id), "removed");
  assert.match(made, /^([0-9a-z]{5}-){12}[0-9a-z]{5}$/);
  assert.deepEqual([opens(path, made), slots(path)], [true, [1]]);
});

test("a disk that another process has open is left alone", async (t) => {
  if (skipUnless(t, "cryptsetup")) return;
  const world = await bound(t, "luks2");
  const holder = spawn("/bin/sh", ["-c", 'exec 3<>"$1"; echo held; exec sleep 600', "sh", world.volume.path]);
  try {
    await once(holder.stdout, "data");
    await assert.rejects(begin(world), { code: "TARGET_IN_USE" });
  } finally {
    holder.kill("SIGKILL");
    await once(holder, "close");
  }
  const id = await begin(world);
  assert.equal(await finish(world, id), "removed");
});

test("a device that is read-only is refused before anything is made", async (t) => {
  if (skipUnless(t, "cryptsetup", "losetup") || skipUnlessRoot(t)) return;
  const trial = await RolloverTrial.make(t);
  const path = trial.image("24M");
  format(path, "luks2");
  const device = run("losetup", ["--find", "--show", "--read-only", path]).trim();
  try {
    const world = { trial, ...(await trial.bind(device)) };
    await assert.rejects(begin(world), { code: "TARGET_DENIED" });
    const { versions } = await trial.client.call("key.show", { name: "web01" }, signal);
    assert.equal(versions.length, 1);
  } finally {
    run("losetup", ["--detach", device]);
  }
});

test("an image on a full disk keeps its old way in, and the same command ends it once there is room", async (t) => {
  if (skipUnless(t, "cryptsetup", "mount", "fallocate") || skipUnlessRoot(t)) return;
  const trial = await RolloverTrial.make(t);
  const small = join(trial.folder, "small");
  mkdirSync(small);
  run("mount", ["-t", "tmpfs", "-o", "size=20M", "tmpfs", small]);
  try {
    const path = join(small, "web01.raw");
    run("truncate", ["-s", "24M", path]);
    format(path, "luks2");
    run("fallocate", ["--dig-holes", path]);
    const world = { trial, ...(await trial.bind(path)) };
    const id = await begin(world);
    assert.throws(() => writeFileSync(join(small, "rest"), new Uint8Array(20 * 1024 * 1024)), { code: "ENOSPC" });
    await assert.rejects(finish(world, id), { code: "CRYPTSETUP_FAILED", message: /full/ });
    assert.equal(opens(path, oldSecret), true);
    rmSync(join(small, "rest"));
    const made = await trial.newSecret(id);
    assert.equal(await finish(world, id), "removed");
    assert.deepEqual([opens(path, oldSecret), opens(path, made), slots(path)], [false, true, [1]]);
  } finally {
    run("umount", [small]);
  }
});

test("a volume in a partition of an image is reached by a loop device, which goes again", async (t) => {
  if (skipUnless(t, "cryptsetup", "losetup", "sfdisk") || skipUnlessRoot(t)) return;
  const trial = await RolloverTrial.make(t);
  const path = trial.image("64M");
  run("sfdisk", ["--quiet", path], "label: gpt\nstart=2048, size=16384\nstart=18432, size=65536\n");
  const part = ["--offset", String(18432 * 512), "--sizelimit", String(65536 * 512)];
  const device = run("losetup", ["--find", "--show", ...part, path]).trim();
  format(device, "luks2");
  run("losetup", ["--detach", device]);
  const world = { trial, ...(await trial.bind(path)) };
  const id = await begin(world);
  await step(world, id);
  const made = await trial.newSecret(id);
  assert.equal(await finish(world, id), "removed");
  assert.equal(run("losetup", ["--associated", path]), "");
  const again = run("losetup", ["--find", "--show", ...part, path]).trim();
  try {
    assert.deepEqual([opens(again, oldSecret), opens(again, made), slots(again)], [false, true, [1]]);
  } finally {
    run("losetup", ["--detach", again]);
  }
});

test("a header of before opens with the old version and one of after with the new; then the kept header goes", async (t) => {
  if (skipUnless(t, "cryptsetup")) return;
  const world = await bound(t, "luks2");
  const { trial, volume } = world;
  const [vault, machine] = ["aa".repeat(16), "bb".repeat(16)];
  const enrol = { vault, name: "backup", rootCommitment: "cc".repeat(32), reporter: "backup" };
  await trial.client.call("vault.enrol", enrol, signal);
  const prove = async (point: string): Promise<string | null> => {
    const { presented } = await readLiveHeader(volume.path, volume.identity, null, signal);
    const given = { vault, machine, point, disk: "root", volume: "disk", header: presented, anew: true };
    let reply = await trial.keySide.as("backup", "proof.begin", given);
    await using disk = await openDisk(volume.path, {}, signal);
    const source = volumeSource(disk);
    while (reply.statement === null) {
      const pieces: string[] = [];
      for (const [offset, length] of reply.wants) pieces.push(base64(await source.read(offset, length, signal)));
      reply = await trial.keySide.as("backup", "proof.show", { proof: reply.proof, pieces });
    }
    return (JSON.parse(reply.statement.signed) as { version: string | null }).version;
  };
  assert.equal(await prove("01".repeat(16)), "web01/v1");
  const id = await begin(world);
  await finish(world, id);
  const { backupFolder } = trial.deps;
  const listed = async () => (await trial.client.call("rollover.list", {}, signal)).rollovers;
  assert.deepEqual(await removeProvenHeaders(backupFolder, await listed()), []);
  assert.equal(await prove("02".repeat(16)), "web01/v2");
  assert.notEqual((await listed())[0]?.provenAt, null);
  assert.deepEqual(await removeProvenHeaders(backupFolder, await listed()), [headerBackupPath(backupFolder, id)]);
  assert.ok(!existsSync(headerBackupPath(backupFolder, id)));
});

test("no secret is in the arguments or the environment of a process", async (t) => {
  if (skipUnless(t, "cryptsetup")) return;
  // Half a second for a try of the old secret, to look around in.
  const world = await bound(t, "luks2", "24M", ["--pbkdf-force-iterations", "1000000"]);
  const id = await begin(world);
  const seen: string[] = [];
  let running = true;
  const watching = (async () => {
    while (running) {
      seen.push(...processesOf("cryptsetup"));
      await setTimeout(20);
    }
  })();
  await step(world, id);
  running = false;
  await watching;
  const made = await world.trial.newSecret(id);
  assert.ok(seen.some((text) => text.includes("luksAddKey")));
  assert.ok(!seen.some((text) => text.includes(oldSecret) || text.includes(made)));
});

/** Arguments and environments of processes of a program. */
function processesOf(program: string): string[] {
  return readdirSync("/proc")
    .filter((name) => /^[0-9]+$/.test(name))
    .flatMap((pid) => {
      try {
        const [words, variables] = ["cmdline", "environ"].map((file) => readFileSync(`/proc/${pid}/${file}`, "utf8"));
        return words?.startsWith(`${program}\0`) === true ? [`${words}${variables}`] : [];
      } catch {
        return []; // it has ended
      }
    });
}

/** @returns true when the test must end */
function skipUnlessRoot(t: TestContext): boolean {
  if (process.geteuid?.() === 0) return false;
  console.error(`NOT TESTED: ${t.name}: needs root`);
  t.skip("needs root");
  return true;
}
