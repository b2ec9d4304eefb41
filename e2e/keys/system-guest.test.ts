import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { later, run, sparseFile } from "../disk/rig.ts";
import { installed } from "./isolation-host.ts";
import { SystemGuest, skipUnlessSystemGuest } from "./system-guest-rig.ts";

const asBackup = "runuser -u lockstep --";
const asKeys = "runuser -u lockstep-keys --";
const keysHome = "/var/lib/lockstep-keys";
const groups = "/sys/fs/cgroup/system.slice";
const reach = `${installed}/node_modules/node/bin/node --no-warnings ${installed}/e2e/keys/reach.ts ${keysHome}/keys.db`;
const PASSPHRASE = "the rain in spain";

/** A disk with a LUKS2 volume, and the list of keys with the one that opens it. */
function guestFiles(folder: string): ReadonlyMap<string, string | Uint8Array> {
  const key = join(folder, "passphrase");
  writeFileSync(key, PASSPHRASE);
  const image = sparseFile(folder, "web01.raw", 4 * 2 ** 20);
  const header = "--luks2-metadata-size 16k --luks2-keyslots-size 512k --offset 4096";
  const kdf = "--pbkdf pbkdf2 --pbkdf-force-iterations 1000";
  run("sh", "-c", `cryptsetup luksFormat -q --type luks2 ${kdf} ${header} ${image} ${key}`);
  return new Map<string, string | Uint8Array>([
    ["srv/web01.raw", readFileSync(image)],
    ["root/keys.csv", `name,kind,secret,note\nweb01,passphrase,${PASSPHRASE},\n`],
  ]);
}

/** Waits until the key side answers. @returns whether it is sealed */
async function isSealed(guest: SystemGuest): Promise<unknown> {
  await guest.must("for i in $(seq 240); do test -S /run/lockstep-keys/socket && exit 0; sleep 0.5; done; exit 1");
  return ((await guest.json(`${asKeys} lockstep keystore show`))["keyStore"] as { sealed: unknown }).sealed;
}

async function keySidePid(guest: SystemGuest): Promise<string> {
  return guest.must("systemctl show --property=MainPID --value lockstep-keys");
}

/** Lets the backup's service do something else, once. @returns what that printed */
async function inBackupService(guest: SystemGuest, line: string): Promise<string> {
  const folder = "/run/systemd/system/lockstep-backup.service.d";
  const other = `[Service]\\nExecStart=\\nExecStart=/bin/sh -c "exec >/srv/vault/said; ${line}"\\n`;
  await guest.must(`mkdir -p ${folder} && printf '${other}' >${folder}/other.conf && systemctl daemon-reload`);
  const done = await guest.run("systemctl start lockstep-backup");
  assert.equal(done.status, 0, `${done.stderr}${(await guest.run("journalctl -n 20 -u lockstep-backup")).stdout}`);
  await guest.must(`rm -r ${folder} && systemctl daemon-reload`);
  return guest.must("cat /srv/vault/said && rm /srv/vault/said");
}

/** No way led there. */
function assertUnreached(said: string): void {
  const ways = Object.entries(JSON.parse(said) as Readonly<Record<string, string>>);
  assert.ok(ways.length >= 15);
  for (const [way, outcome] of ways) assert.match(outcome, /^(EACCES|ENOENT|EPERM|unable|refused)/, way);
}

/** Needs more memory than there is until the guest has swapped out another service. @returns the service's process */
async function pressMemory(guest: SystemGuest): Promise<string> {
  await guest.must("swapon /dev/vdb && echo 100 >/proc/sys/vm/swappiness");
  await guest.must(`systemd-run --unit=other ${installed}/node_modules/node/bin/node -e "setInterval(() => {}, 1e6)"`);
  await guest.must("sleep 3; mkdir /run/much && mount -t tmpfs -o size=2G much /run/much");
  await guest.must("dd if=/dev/zero of=/run/much/zeros bs=1M count=600 status=none");
  return guest.must("systemctl show --property=MainPID --value other");
}

async function swappedKiB(guest: SystemGuest, pid: string): Promise<number> {
  return Number(/^VmSwap:\s+(\d+) kB$/m.exec(await guest.must(`cat /proc/${pid}/status`))?.[1]);
}

test("in a guest with a kernel and a TPM of its own, the two services do their work, and nothing of the key side comes to lie on a disk", async (t) => {
  if (skipUnlessSystemGuest(t)) return;
  const folder = mkdtempSync(join(tmpdir(), "lockstep-e2e-system-guest-"));
  later(t, () => rmSync(folder, { recursive: true }));
  const guest = new SystemGuest(folder, guestFiles(folder));
  await guest.boot(t, "first");

  await t.test("a backup that systemd starts is green, and nobody was asked", async () => {
    await guest.must("lockstep setup system --vault /srv/vault");
    const init = "lockstep init /srv/vault --key-file /root/first.key --kit-to /root/kit --no-kit-check";
    const { keyStore } = await guest.json(`${init} --key-store-opens credential`);
    assert.equal((keyStore as { sealedBy: unknown }).sealedBy, "tpm");
    await guest.must("lockstep setup system");
    assert.equal(await isSealed(guest), false);
    const asRoot = `LOCKSTEP_STATE_DIR=${keysHome} lockstep`;
    await guest.must(`${asRoot} keystore unlock add --new-key-file /root/other.key`);
    await guest.must(`${asRoot} key import /root/keys.csv /srv/web01.raw`);
    await guest.must(`setfacl -m u:lockstep:r /srv/web01.raw 2>/dev/null || chown lockstep /srv/web01.raw`);
    await guest.must(`${asBackup} lockstep protect web01 --disk /srv/web01.raw`);
    await guest.must("systemctl start lockstep-backup");
    const { points } = await guest.json(`${asBackup} lockstep point list`);
    const [point] = points as readonly { readonly light: { readonly light: string; readonly reasons: unknown } }[];
    assert.equal(point?.light.light, "green", JSON.stringify(point));
  });

  await t.test("nothing of the backup side reaches the key store", async () => {
    const pid = await keySidePid(guest);
    assertUnreached(await guest.must(`${asBackup} ${reach} ${pid}`));
    assertUnreached(await inBackupService(guest, `${reach} ${pid}`));
  });

  await t.test("the kernel swaps nothing of the services out, when it swaps others", async () => {
    assert.equal(await guest.must(`cat ${groups}/lockstep-keys.service/memory.swap.max`), "0");
    assert.equal(await inBackupService(guest, `cat ${groups}/lockstep-backup.service/memory.swap.max`), "0");
    const other = await pressMemory(guest);
    assert.ok((await swappedKiB(guest, other)) > 0);
    assert.equal(await swappedKiB(guest, await keySidePid(guest)), 0);
    assert.equal(await guest.must(`cat ${groups}/lockstep-keys.service/memory.swap.current`), "0");
    await guest.must("umount /run/much && systemctl stop other");
  });

  await t.test("a key side that dies leaves no core file, where another process leaves one", async () => {
    // Where the key side itself may write.
    await guest.must(`echo ${keysHome}/core.%p.%s >/proc/sys/kernel/core_pattern`);
    const cores = `find ${keysHome} -name 'core.*'`;
    await guest.run(`${asKeys} sh -c 'ulimit -c unlimited; kill -SEGV $$'`);
    assert.match(await guest.must(cores), /core\.\d+\.11$/);
    await guest.must(`${cores} -delete`);
    for (const signal of ["SEGV", "ABRT"]) {
      await guest.must(`systemctl kill --kill-whom=main --signal=${signal} lockstep-keys`);
      await guest.must(
        "for i in $(seq 100); do systemctl is-active -q lockstep-keys || exit 0; sleep 0.1; done; exit 1",
      );
      assert.equal(await guest.must(cores), "");
      assert.equal(await guest.must("systemctl show --property=Result --value lockstep-keys"), "signal");
      await guest.must("systemctl restart lockstep-keys");
    }
  });

  await t.test("after a restart it opens by itself; with another TPM only in another way", async () => {
    await guest.off();
    await guest.boot(t, "first");
    assert.equal(await isSealed(guest), false);
    await guest.off();
    await guest.boot(t, "second");
    assert.notEqual(await guest.must("systemctl show --property=ActiveState --value lockstep-keys"), "active");
    assert.match((await guest.run("systemctl status lockstep-keys")).stdout, /243\/CREDENTIALS/);
    // The way out that docs/system.md has.
    await guest.must(`mv ${keysHome}/lockstep-key-store.cred /root/ && lockstep setup system`);
    assert.equal(await isSealed(guest), true);
    const unseal = `${asKeys} lockstep keystore unseal --key-file /srv/other.key`;
    await guest.must(`cp /root/other.key /srv/ && chown lockstep-keys /srv/other.key && ${unseal}`);
    assert.equal(await isSealed(guest), false);
  });

  await guest.off();
});
