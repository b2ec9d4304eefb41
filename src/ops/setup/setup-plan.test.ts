import assert from "node:assert/strict";
import { test } from "node:test";

import { layout, unitNames } from "#ops/setup/setup-layout.ts";
import { homeLinks, planSetup, setupFolders } from "#ops/setup/setup-plan.ts";
import type { SetupFound, SetupStep, SetupWish } from "#ops/setup/setup-plan.ts";

const { backupUser, keysUser, linkGroup, backupHome, keysHome } = layout;

const wish: SetupWish = { vault: "/backup/vault", units: new Map(unitNames.map((name) => [name, `of ${name}`])) };

const fresh: SetupFound = {
  users: ["root"],
  hasLinkGroup: false,
  linkMembers: [],
  folders: new Map([...setupFolders.keys(), "/backup/vault"].map((path) => [path, null])),
  units: new Map(unitNames.map((name) => [name, null])),
  hasConfig: false,
  links: [],
  ofRoot: new Set(),
  custodianTokenAstray: false,
  rootsKeySide: null,
  keystoreOwner: null,
  hasKeyStore: false,
  systemdRuns: true,
  enabled: [],
  keySideRuns: false,
};

const done: SetupFound = {
  users: ["root", backupUser, keysUser],
  hasLinkGroup: true,
  linkMembers: [backupUser],
  folders: new Map([...setupFolders, ["/backup/vault", { owner: backupUser, group: linkGroup, mode: 0o750 }]]),
  units: wish.units,
  hasConfig: true,
  links: [...homeLinks(backupHome).keys(), ...homeLinks(keysHome).keys()],
  ofRoot: new Set(),
  custodianTokenAstray: false,
  rootsKeySide: null,
  keystoreOwner: keysUser,
  hasKeyStore: true,
  systemdRuns: true,
  enabled: ["lockstep-keys.service", "lockstep-backup.timer"],
  keySideRuns: true,
};

const programs = (steps: readonly SetupStep[]): readonly string[] =>
  steps.map(({ act }) => (act.kind === "run" ? act.words[0] : act.path));

const lines = (steps: readonly SetupStep[]): readonly string[] =>
  steps.flatMap(({ act }) => (act.kind === "run" ? [act.words.join(" ")] : []));

test("on a host where all is done, nothing is to be done", () => {
  assert.deepEqual(planSetup(done, wish), []);
});

test("on a new host, accounts come before what is theirs, and services last", () => {
  const found = programs(planSetup(fresh, wish));
  assert.deepEqual(found.slice(0, 4), ["groupadd", "useradd", "useradd", "usermod"]);
  assert.ok(found.indexOf("install") < found.indexOf("runuser"));
  assert.deepEqual(found.slice(-2), ["systemctl", "systemctl"]);
  assert.ok(found.includes("/etc/lockstep/config.toml"));
});

test("each part that is missing is made by itself, and no other", () => {
  const without = (part: Partial<SetupFound>): readonly string[] => lines(planSetup({ ...done, ...part }, wish));
  assert.deepEqual(without({ linkMembers: [] }), ["usermod --append --groups lockstep-link lockstep"]);
  assert.deepEqual(without({ enabled: ["lockstep-keys.service"] }), ["systemctl enable --now lockstep-backup.timer"]);
  assert.deepEqual(without({ keySideRuns: false }), ["systemctl restart lockstep-keys.service"]);
  assert.deepEqual(without({ keySideRuns: false, hasKeyStore: false }), []);
  assert.deepEqual(without({ units: new Map([...wish.units, ["lockstep-keys.service", "old"]]) }), [
    "systemctl daemon-reload",
    "systemctl restart lockstep-keys.service",
  ]);
  const open = new Map(done.folders).set(keysHome, { owner: keysUser, group: keysUser, mode: 0o755 });
  assert.deepEqual(without({ folders: open }), [
    "install -d -o lockstep-keys -g lockstep-keys -m 0700 /var/lib/lockstep-keys",
  ]);
  assert.deepEqual(without({ links: done.links.slice(1) }), [
    "runuser -u lockstep -- mkdir -p /var/lib/lockstep/.config/lockstep /var/lib/lockstep/.local/state",
    "runuser -u lockstep -- ln -s /etc/lockstep/config.toml /var/lib/lockstep/.config/lockstep/config.toml",
  ]);
});

test("where systemd does not run, units are written and nothing is started", () => {
  const steps = planSetup({ ...done, systemdRuns: false, enabled: [], units: fresh.units }, wish);
  assert.deepEqual(
    programs(steps),
    unitNames.map((name) => `/etc/systemd/system/${name}`),
  );
});

test("root's key side ends before its files are given away, and the token goes before they are", () => {
  const left = { rootsKeySide: 4711, custodianTokenAstray: true, ofRoot: new Set([backupHome, keysHome]) };
  const found = lines(planSetup({ ...done, ...left }, wish));
  assert.deepEqual(
    found.map((line) => line.split(" ")[0]),
    ["kill", "timeout", "runuser", "mv", "chown", "chown"],
  );
  // Only what is root's, following no link.
  for (const line of found.filter((each) => each.startsWith("chown")))
    assert.match(line, /^chown -R -h -P --from=root /);
});

test("of the vault, the key side gets the folder of its copies, and the shared one for what is not whole", () => {
  const handed = [
    "chown -R -h -P --from=root lockstep-keys:lockstep /backup/vault/keystore",
    "chown -R -h -P --from=root lockstep:lockstep /backup/vault",
    "runuser -u lockstep -- install -d -g lockstep-link -m 1770 /backup/vault/.tmp",
    "runuser -u lockstep -- chgrp lockstep-link /backup/vault",
    "runuser -u lockstep -- chmod 0750 /backup/vault",
  ];
  const ofRoot = new Set(["/backup/vault"]);
  assert.deepEqual(lines(planSetup({ ...done, ofRoot, keystoreOwner: "root" }, wish)), handed);
  assert.deepEqual(lines(planSetup({ ...done, ofRoot, keystoreOwner: null }, wish)), [
    "mkdir -m 0750 /backup/vault/keystore",
    ...handed,
  ]);
  const notMade = new Map(done.folders).set("/backup/vault", null);
  assert.deepEqual(planSetup({ ...done, folders: notMade, keystoreOwner: null }, wish), []);
});
