import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";

import { Trial } from "../cli/trial.ts";
import { readKit, shareOptions } from "./kit-rig.ts";

/** Prints the check word of the page that a file of the kit has. */
const checkWord = (page: string): string => `sed -n 's/.*class="word">\\([a-z]*\\)<.*/\\1/p' lockstep-kit/${page}`;

function typed(trial: Trial, command: string, ...steps: readonly string[]): { status: number | null; said: string } {
  const words = [join(import.meta.dirname, "typed.py"), command, ...steps];
  const { status, stdout, stderr } = spawnSync("python3", words, {
    cwd: trial.folder,
    env: trial.variables,
    encoding: "utf8",
    timeout: 60_000,
  });
  return { status, said: stdout + stderr };
}

test("init ends when each page's check word was typed back from its paper, and the pages are removed then", (t) => {
  const trial = new Trial(t);
  const { status, said } = typed(
    trial,
    "lockstep init vault --key-file key --custodians anna,boris",
    "passphrase \\[key-file\\]",
    "echo key-file",
    "check word on the printed page of anna: ",
    "echo wrong",
    "not its check word[^]*anna: ".replace("[^]", "(.|\\s)"),
    checkWord("1-anna.html"),
    "printed page of boris: ",
    checkWord("2-boris.html"),
  );
  assert.equal(status, 0, said);
  assert.match(said, /The kit [0-9a-f]{8} opens copy \d+ of epoch 1 in .*vault/);
  assert.match(said, /opens vault [0-9a-f]{32}/);
  assert.deepEqual(readdirSync(trial.path("lockstep-kit")), []);
  const { kit } = trial.json("lockstep kit show") as { kit: { stale: unknown; custodians: unknown } };
  assert.deepEqual([kit.stale, kit.custodians], [null, ["anna", "boris"]]);
  trial.prepare("lockstep keystore seal");
});

test("init that is stopped at a check word has made everything: the pages stay, and `kit check` goes on", (t) => {
  const trial = new Trial(t);
  t.after(() => trial.run("lockstep keystore seal"));
  const { status, said } = typed(
    trial,
    "lockstep init vault --key-file key --custodians anna,boris --key-store-opens key-file",
    "check word on the printed page of anna: ",
    checkWord("1-anna.html"),
    "printed page of boris: ",
    "printf '\\003'",
  );
  assert.equal(status, 130, said);
  assert.match(said, /all is made and in use, .* pages of it that are still there: \S*2-boris\.html \[LEFT_BEHIND\]/);
  assert.match(said, /hint: Print them, remove them, and run `lockstep kit check`/);
  assert.doesNotMatch(said, /before it failed/);
  assert.deepEqual(readdirSync(trial.path("lockstep-kit")), ["2-boris.html"]);
  const { kit } = trial.json("lockstep kit show") as { kit: { stale: string } };
  assert.match(kit.stale, /never checked/);
  trial.prepare("lockstep vault check");
});

test("shares are asked for until there are enough; one that is mistyped, there already, or of another kit is asked for again", (t) => {
  const trial = new Trial(t);
  trial.prepare("lockstep init vault --key-file key --no-kit-check");
  assert.match(trial.run("lockstep status").stdout, /the kit is stale: it was never checked: `lockstep kit check`/);
  shareOptions(trial, readKit(trial.path("lockstep-kit")).shares);
  trial.prepare("mv share-0 older", "lockstep kit create --to new --no-kit-check --custodians anna,boris,chen");
  shareOptions(trial, readKit(trial.path("new")).shares);
  const { status, said } = typed(
    trial,
    "lockstep kit check",
    "The share on the kit's page: ",
    "sed 's/^./u/' share-0",
    "mistyped in group 1 .KIT_INVALID.(.|\\s)*The share on the kit's page: ",
    "cat share-0",
    "Share 2 of 2, of the set [0-9a-f]{8}: ",
    "cat share-0",
    "That was share 1 again(.|\\s)*: ",
    "cat older",
    "they are of two kits(.|\\s)*: ",
    "tr -d ' ' < share-2 | tr a-z A-Z",
  );
  assert.equal(status, 0, said);
  assert.match(said, /opens copy \d+ of epoch 1 in .*check it again in a year/s);
  assert.doesNotMatch(trial.run("lockstep status").stdout, /the kit is stale/);
});

test("without a terminal nothing is begun that would end with a question", (t) => {
  const trial = new Trial(t);
  trial.transcript(`
    $ lockstep init vault --key-file key
    ! error: making a vault: it ends when the kit's check words were typed, and there is no terminal [ARGUMENT_INVALID]
    ! hint: With --no-kit-check nobody is asked; \`lockstep kit check\` is to be run once the pages are printed.
    [64]
    $ ls
    $ lockstep init vault --key-file key --no-kit-check > /dev/null
    $ lockstep init other --key-file key --no-kit-check
    ! error: making a key store: DIR/state/keys/keys.db is one already [KEY_STORE_EXISTS]
    ! hint: Use it, or name another folder by \`[keys] folder\` in the configuration.
    [75]
    $ rm -r state/keys state/identities state/key-store.key
    $ lockstep init other --key-file key --no-kit-check
    ! error: writing the kit's page DIR/lockstep-kit/1-custodian.html failed: there is one [ARGUMENT_INVALID]
    ! hint: Name another folder. A page that is there is of an older kit: print it or remove it.
    [64]
    $ ls -d other
    ! ls: cannot access 'other': No such file or directory
    [2]
  `);
});

test("no secret of a kit is left anywhere but on its pages", (t) => {
  const trial = new Trial(t);
  trial.prepare("lockstep init vault --key-file key --no-kit-check");
  const [name = ""] = readdirSync(trial.path("lockstep-kit"));
  const page = readFileSync(trial.path("lockstep-kit", name), "utf8");
  const group =
    /<div class="share">[^]*?<\/i> ([0-9a-z]{5}) [0-9a-z]{5} ([0-9a-z]{5} [0-9a-z]{5})/.exec(page)?.[2] ?? "";
  assert.match(group, /^[0-9a-z]{5} [0-9a-z]{5}$/);
  for (const folder of ["vault", "state"]) {
    for (const file of readdirSync(trial.path(folder), { recursive: true, encoding: "utf8" })) {
      const path = trial.path(folder, file);
      if (!existsSync(path) || readdirOrNull(path) !== null) continue;
      const bytes = readFileSync(path);
      for (const part of group.split(" ")) assert.ok(!bytes.includes(part), `${path} has ${part}`);
    }
  }
});

test("a credential that this host keeps opens the key store by itself, and nothing else does where it is damaged", (t) => {
  const creds = spawnSync("/usr/bin/systemd-creds", ["encrypt", "--name=x", "--with-key=auto", "-", "-"], {
    input: "x",
  });
  if (creds.status !== 0) {
    console.error(`NOT TESTED: ${t.name}: needs systemd-creds, and root`);
    return t.skip("needs systemd-creds, and root");
  }
  const trial = new Trial(t);
  trial.prepare("lockstep init vault --key-file key --no-kit-check --key-store-opens credential");
  const shown = trial.json("lockstep keystore show") as {
    keyStore: { sealed: boolean };
    unlockWays: { kind: string }[];
  };
  assert.deepEqual([shown.keyStore.sealed, shown.unlockWays.map(({ kind }) => kind)], [false, ["host-credential"]]);
  assert.ok(!existsSync(trial.path("state/key-store.key")));

  const other = new Trial(t);
  trial.prepare(
    "lockstep keystore seal",
    `cp -r state config.toml ${other.folder}`,
    `rm ${other.path("state/keys/socket")}`,
  );
  writeFileSync(other.path("state/keys/lockstep-key-store.cred"), "damaged");
  const sealed = other.json("lockstep keystore show") as { keyStore?: { sealed: boolean } };
  assert.equal(sealed.keyStore?.sealed, true, JSON.stringify(sealed));
  assert.match(
    readFileSync(other.path("state/keys/key-side.log"), "utf8"),
    /stays sealed: opening .*lockstep-key-store.cred failed/,
  );
});

test("each of these commands prints the members that are documented for it", (t) => {
  const page = readFileSync(join(import.meta.dirname, "../../docs/json.md"), "utf8");
  const trial = new Trial(t);
  const kitFiles = (folder: string): string => shareOptions(trial, readKit(trial.path(folder)).shares);
  const members = (command: string, given: string): void => {
    const { command: named, warnings, ...found } = trial.json(`lockstep ${command} ${given}`);
    assert.deepEqual([named, warnings], [command, []], JSON.stringify(found));
    const section = page.split(/^## /m).find((text) => text.startsWith(`lockstep ${command}\n`)) ?? "";
    assert.deepEqual(
      Object.keys(found),
      [...section.matchAll(/^\| `(\w+)`/gm)].map(([, member]) => member),
      command,
    );
  };
  members("init", "vault --key-file key --no-kit-check");
  members("place add", "elsewhere --domain safe");
  members("place list", "");
  members("copy make", "--full");
  members("copy list", "");
  members("place remove", "elsewhere");
  members("kit show", "");
  members("kit create", "--to second --no-kit-check");
  trial.prepare("lockstep vault unlock remove \"$(lockstep vault unlock list | grep -o '^kit [0-9a-f]*' | head -1)\"");
  members("kit check", kitFiles("second"));
  const { signingKey } = readKit(trial.path("second"));
  const options = `${kitFiles("second")} --signing-key '${signingKey}'`;
  trial.prepare("lockstep keystore seal", "rm -r state/identities state/key-store.key state/keys");
  members("recover", `--vault vault ${options}`);
  trial.prepare("rm -r state/identities state/key-store.key state/keys vault/keystore");
  members("keystore init", "--no-kit-check --kit-to third");
});

function readdirOrNull(path: string): readonly string[] | null {
  try {
    return readdirSync(path);
  } catch {
    return null;
  }
}

test("a new kit of one custodian waits for another one, who alone could read everything by it", async (t) => {
  const trial = new Trial(t);
  const bobs = { ...trial.variables, LOCKSTEP_STATE_DIR: trial.path("bob"), LOCKSTEP_CONFIG: trial.path("bob.toml") };
  writeFileSync(trial.path("bob.toml"), `[keys]\nsocket = "${trial.path("state/keys/socket")}"\n`);
  trial.prepare(
    "lockstep init vault --key-file key --no-kit-check",
    "mkdir -p -m 700 bob/identities",
    "lockstep identity add bob --role custodian --to bob/identities/custodian.token",
  );
  const stale = trial.json("lockstep kit show") as { kit: { id: string; stale: string } };
  assert.match(stale.kit.stale, /the custodians changed/);
  const approval = async (decision: string): Promise<void> => {
    for (let tries = 0; tries < 100; tries++) {
      const { approvals } = trial.json("lockstep approval list") as { approvals: { id: string; state: string }[] };
      const waiting = approvals.find(({ state }) => state === "waiting");
      if (waiting !== undefined) {
        const decided = spawnSync("lockstep", ["approval", decision, waiting.id], { env: bobs, encoding: "utf8" });
        assert.equal(decided.status, 0, decided.stderr);
        return;
      }
      await setTimeout(200);
    }
    assert.fail("nothing waits for Bob");
  };
  const create = async (decision: string, folder: string): Promise<number | null> => {
    const line = `lockstep kit create --to ${folder} --no-kit-check > ${folder}.said`;
    const options = { cwd: trial.folder, env: trial.variables, stdio: "ignore" } as const;
    const ended = once(spawn("/bin/sh", ["-c", line], options), "exit");
    await approval(decision);
    const [status] = (await ended) as [number | null];
    const said = readFileSync(trial.path(`${folder}.said`), "utf8");
    assert.match(said, /^This waits until he said `lockstep approval approve [0-9a-f]{32}`, or for Ctrl-C\.$/m);
    return status;
  };
  assert.equal(await create("reject", "rejected"), 77);
  assert.deepEqual(readdirSync(trial.path("rejected")), []);
  assert.equal(await create("approve", "approved"), 0);
  const { kit } = trial.json("lockstep kit show") as { kit: { id: string; stale: string } };
  assert.deepEqual([kit.id === stale.kit.id, kit.stale], [false, "it was never checked: `lockstep kit check`"]);
});
