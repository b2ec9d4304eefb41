import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";

import { readPages } from "./kit-rig.ts";
import { installed, OwnHost, skipUnlessOwnHost } from "./isolation-host.ts";

const reach = `${installed}/node_modules/node/bin/node --no-warnings ${installed}/e2e/keys/reach.ts`;

/** A command line as a user of the set-up, as `sudo -u` runs it. */
const asBackup = "runuser -u lockstep --";
const asKeys = "runuser -u lockstep-keys --";
/** As the unit runs it: User=, Group=, Environment=. */
const asService =
  "setpriv --reuid lockstep-keys --regid lockstep-link --clear-groups env LOCKSTEP_CONFIG=/etc/lockstep/config.toml LOCKSTEP_STATE_DIR=/var/lib/lockstep-keys";

/** Of `init`: asks nothing. */
const unattended = "--key-file /run/first.key --kit-to /run/kit --no-kit-check --key-store-opens key-file";

/** Waits until the key side answers. */
async function answers(host: OwnHost): Promise<void> {
  for (let tries = 0; host.run("test -S /run/lockstep-keys/socket").status !== 0; tries++) {
    assert.ok(tries < 400, "the key side does not answer");
    await setTimeout(50);
  }
}

function steps(host: OwnHost, ...options: readonly string[]): readonly unknown[] {
  const document = host.json(`lockstep setup system ${options.join(" ")}`);
  assert.ok(Array.isArray(document["steps"]), JSON.stringify(document));
  return document["steps"] as readonly unknown[];
}

test("setup system makes two users who share a socket, and nothing else of the key side", async (t) => {
  if (await skipUnlessOwnHost(t)) return;
  const host = await OwnHost.start(t);

  // What it says with --dry-run is what it does, and it is done once.
  const planned = steps(host, "--vault /srv/vault --dry-run");
  assert.deepEqual(steps(host, "--vault /srv/vault"), planned);
  assert.deepEqual(steps(host), []);

  // Root makes vault and key store, and gives to each side what is its own.
  host.must(`lockstep init /srv/vault ${unattended}`);
  assert.notDeepEqual(steps(host), []);
  assert.deepEqual(steps(host), []);
  assert.equal(host.must("find /var/lib/lockstep /var/lib/lockstep-keys /srv/vault -user root"), "");
  assert.equal(host.run(`${asBackup} cat /var/lib/lockstep-keys/identities/custodian.token`).status, 1);

  host.start(`${asService} lockstep keystore serve`);
  await answers(host);

  // Each works on its own.
  host.must(`truncate -s 1M /srv/web01.raw && ${asBackup} lockstep protect web01 --disk /srv/web01.raw`);
  host.must(`${asBackup} lockstep backup --all && ${asBackup} lockstep check --stale`);
  host.must(`${asKeys} lockstep key add web01 --generate`);
  const { places } = host.json(`${asKeys} lockstep copy make`);
  assert.deepEqual(places, [{ place: "/srv/vault", failure: null }]);

  // That is what a doctor calls isolated; and it finds what root leaves behind.
  const doctor = (): string => JSON.stringify(host.json(`${asBackup} lockstep doctor`)["findings"]);
  assert.doesNotMatch(doctor(), /NOT_ISOLATED|UNREACHABLE|FILE_FOREIGN|EXPOSED/);
  host.must("touch /var/lib/lockstep/vaults/ff.key");
  assert.match(doctor(), /FILE_FOREIGN/);
  host.must("rm /var/lib/lockstep/vaults/ff.key");

  // Copies of the key store lie in the backup side's vault, and are not its own.
  for (const line of ["rm /srv/vault/keystore/*", "sh -c 'echo > /srv/vault/keystore/00000001-00000001'"]) {
    assert.notEqual(host.run(`${asBackup} ${line}`).status, 0, line);
  }

  // The backup side asks at the socket, and gets no further.
  const pid = host.must("cat /var/lib/lockstep-keys/lock").trim();
  const reached = JSON.parse(host.must(`${asBackup} ${reach} /var/lib/lockstep-keys/keys.db ${pid}`)) as Readonly<
    Record<string, string>
  >;
  for (const [way, outcome] of Object.entries(reached)) assert.match(outcome, /^(EACCES|unable|refused)/, way);
  const { keySide: seen } = host.json(`${asBackup} lockstep status`);
  assert.partialDeepStrictEqual(seen, { state: "open", versions: 1 });
  const refusedAs = (code: string): void => {
    for (const line of ["key reveal web01/v1 --reason curiosity --to /tmp/value", "identity list"]) {
      assert.partialDeepStrictEqual(host.json(`${asBackup} lockstep ${line}`), { error: { code } }, line);
    }
  };
  refusedAs("IDENTITY_REJECTED");
  // Also where it shows its own token as a custodian's: what may be asked for goes by the token, not by who says what he is.
  const identities = "/var/lib/lockstep/identities";
  host.must(`${asBackup} cp ${identities}/backup.token ${identities}/custodian.token`);
  refusedAs("NOT_ALLOWED");

  // Root tries the kit: it has a custodian's token, and may read the vault's keyring.
  const [share = ""] = readPages([host.must("cat /run/kit/*.html")]).shares;
  host.must(`umask 077 && echo '${share}' > /run/share`);
  const asRoot = "LOCKSTEP_STATE_DIR=/var/lib/lockstep-keys";
  const { trials } = host.json(`${asRoot} lockstep kit check --share-file /run/share`);
  assert.equal((trials as readonly unknown[]).length, 2);
  host.must(`${asRoot} lockstep kit create --key-file /run/first.key --to /run/second --no-kit-check`);
  host.must("lockstep setup system");
  assert.doesNotMatch(doctor(), /FILE_FOREIGN|KIT_WITHOUT_VAULT/);

  // Whoever is not in the group does not even reach the socket; who is, and has no identity, learns no more than what the store is.
  const stranger = "env LOCKSTEP_CONFIG=/etc/lockstep/config.toml LOCKSTEP_STATE_DIR=/nonexistent lockstep";
  const alone = host.json(`setpriv --reuid 65534 --regid 65534 --clear-groups ${stranger} keystore show`);
  assert.partialDeepStrictEqual(alone, { error: { code: "KEY_SIDE_UNREACHABLE" } });
  const inGroup = `setpriv --reuid 65534 --regid lockstep-link --clear-groups ${stranger}`;
  assert.partialDeepStrictEqual(host.json(`${inGroup} keystore show`), { user: "lockstep-keys", isolated: true });
  assert.partialDeepStrictEqual(host.json(`${inGroup} key list`), { error: { code: "IDENTITY_REJECTED" } });
});

test("what a user puts into his folders leads root nowhere else", async (t) => {
  if (await skipUnlessOwnHost(t)) return;
  const host = await OwnHost.start(t);
  host.must("lockstep setup system --vault /srv/vault");
  host.must(`lockstep init /srv/vault ${unattended}`);
  host.must("lockstep setup system && mkdir -m 0755 /srv/target");
  const links = ["/srv/vault/.tmp", "/srv/vault/keystore", "/var/lib/lockstep/.local", "/var/lib/lockstep/.config"];
  for (const link of links) host.must(`${asBackup} sh -c 'mv ${link} ${link}.old; ln -s /srv/target ${link}'`);
  host.must(`${asBackup} chgrp lockstep /srv/vault`);
  host.must("touch /srv/vault/left /var/lib/lockstep/left /var/lib/lockstep-keys/left");
  host.run("lockstep setup system"); // it may well fail: what it did not do is what counts
  assert.equal(host.must("stat --format '%U:%G %a' /srv/target").trim(), "root:root 755");
  assert.equal(host.must("find /srv/target -mindepth 1"), "");
});

test("the units are ones that systemd takes, and leave each service little to reach", async (t) => {
  if (await skipUnlessOwnHost(t)) return;
  const host = await OwnHost.start(t);
  host.must("lockstep setup system --vault /srv/vault --place /srv/branch");
  const units = "/etc/systemd/system/lockstep-";
  const { status, stdout, stderr } = host.run(
    `systemd-analyze verify ${units}keys.service ${units}backup.service ${units}backup.timer`,
  );
  assert.deepEqual([status, stdout + stderr], [0, ""]);
  // Of 100, in tenths of what `systemd-analyze security` prints: below 20 it calls a service well protected.
  for (const name of ["keys", "backup"]) {
    host.must(`systemd-analyze security --offline=true --threshold=15 ${units}${name}.service`);
  }
  const text = host.must(`cat ${units}keys.service`);
  assert.match(text, /^ReadWritePaths=\/var\/lib\/lockstep-keys -\/srv\/vault -\/srv\/branch$/m);
  for (const line of ["LimitCORE=0", "MemorySwapMax=0", "RestrictAddressFamilies=AF_UNIX", "NoNewPrivileges=yes"]) {
    assert.ok(text.split("\n").includes(line), line);
  }
});

test("under systemd, the services do their work, and cannot reach more than that", async (t) => {
  if (await skipUnlessOwnHost(t)) return;
  const host = await OwnHost.boot(t);
  host.must("lockstep setup system --vault /srv/vault");
  host.must(`lockstep init /srv/vault ${unattended}`);
  host.must("lockstep setup system");
  await answers(host);
  assert.deepEqual(steps(host), []);

  const pid = host.must("systemctl show --property=MainPID --value lockstep-keys").trim();
  const status = host.must(`cat /proc/${pid}/status`);
  for (const line of [/^NoNewPrivs:\t1$/m, /^Seccomp:\t2$/m, /^CapBnd:\t0+$/m]) assert.match(status, line);
  assert.match(host.must(`cat /proc/${pid}/limits`), /^Max core file size +0 +0 /m);
  host.must(`${asKeys} lockstep key add web01 --generate`);
  const { places } = host.json(`${asKeys} lockstep copy make`);
  assert.deepEqual(places, [{ place: "/srv/vault", failure: null }]);

  host.must(`truncate -s 1M /srv/web01.raw && ${asBackup} lockstep protect web01 --disk /srv/web01.raw`);
  host.must("systemctl start lockstep-backup");
  const { points } = host.json(`${asBackup} lockstep point list`);
  assert.equal((points as readonly unknown[]).length, 1);
  host.must("rm /srv/web01.raw");
  assert.notEqual(host.run("systemctl start lockstep-backup").status, 0); // what fails is seen

  // Whoever takes over the backup's service is in its sandbox.
  const node = `${reach} /var/lib/lockstep-keys/keys.db ${pid}`;
  const other = `[Service]\nExecStart=\nExecStart=/bin/sh -c '${node} > /srv/vault/reached'\n`;
  const folder = "/run/systemd/system/lockstep-backup.service.d";
  host.must(`mkdir -p ${folder} && printf "${other}" > ${folder}/reach.conf && systemctl daemon-reload`);
  host.must("systemctl start lockstep-backup");
  const reached = JSON.parse(host.must("cat /srv/vault/reached")) as Readonly<Record<string, string>>;
  for (const [way, outcome] of Object.entries(reached)) assert.match(outcome, /^(EACCES|ENOENT|unable|refused)/, way);

  host.must("systemctl stop lockstep-keys");
  assert.equal(host.must("systemctl show --property=Result --value lockstep-keys").trim(), "success");
});

test("under systemd, the key store opens by the host's credential after each restart, and its unit forbids swap and core files", async (t) => {
  if (await skipUnlessOwnHost(t)) return;
  const host = await OwnHost.boot(t);
  // systemd keeps its host key on nothing that lies in memory, or says so; of an overlay it cannot tell.
  host.must("mkdir /own-host-key && mount --bind /own-host-key /var/lib/systemd");
  host.must("lockstep setup system --vault /srv/vault");
  host.must(`lockstep init /srv/vault ${unattended.replace("opens key-file", "opens credential")}`);
  host.must("lockstep setup system");
  const isSealed = async (): Promise<unknown> => {
    await answers(host);
    return (host.json(`${asKeys} lockstep keystore show`)["keyStore"] as { sealed: unknown }).sealed;
  };
  assert.equal(await isSealed(), false);
  host.must(`${asKeys} lockstep keystore seal`);
  assert.equal(await isSealed(), true);
  host.must("systemctl restart lockstep-keys");
  assert.equal(await isSealed(), false);

  const limits = host.must("systemctl show --property=MemorySwapMax,LimitCORE lockstep-keys").trim();
  assert.equal(limits, "MemorySwapMax=0\nLimitCORE=0");
  const group = "/sys/fs/cgroup/system.slice/lockstep-keys.service/memory.swap.max";
  if (host.run(`test -e ${group}`).status === 0) assert.equal(host.must(`cat ${group}`).trim(), "0");
  else
    console.error(
      `NOT TESTED: ${t.name}: whether the kernel keeps to MemorySwapMax=0: it has no memory controller here`,
    );

  // Another host's credential: systemd does not start the service. Without it, the service starts sealed.
  host.must("rm /var/lib/systemd/credential.secret && systemd-creds setup");
  assert.notEqual(host.run("systemctl restart lockstep-keys").status, 0);
  host.must("mv /var/lib/lockstep-keys/lockstep-key-store.cred /run/ && lockstep setup system");
  host.must("systemctl restart lockstep-keys");
  assert.equal(await isSealed(), true);
});
