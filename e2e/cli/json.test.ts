import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { Trial } from "./trial.ts";
import { secrets, volumeTrial } from "./volume-rig.ts";

const page = readFileSync(join(import.meta.dirname, "../../docs/json.md"), "utf8");

/** The members that docs/json.md lists for a command, in its order. */
function documented(command: string): string[] {
  const section = page.split(/^## /m).find((text) => text.startsWith(`lockstep ${command}\n`)) ?? "";
  const table = section.split("\n\n").find((part) => part.startsWith("|")) ?? ""; // more tables are of members' members
  return table
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) => /^\| `([^`]+)`/.exec(line)?.[1] ?? "");
}

/** Warnings, but for what this machine lets no process see. */
function withoutUnseen(warnings: unknown): readonly unknown[] {
  assert.ok(Array.isArray(warnings));
  return warnings.filter((warning: { readonly code: unknown }) => warning.code !== "HOLDERS_UNSEEN");
}

test("every command prints the members that are documented for it, and no others", (t) => {
  const trial = new Trial(t);
  trial.prepare("truncate -s 1M a.raw", "mkdir place");
  const lines: readonly (readonly [command: string, given: string])[] = [
    ["init", "vault --key-file key --no-key-store"],
    ["protect", "web01 --disk a.raw"],
    ["backup", "web01"],
    ["status", ""],
    ["check", "web01 --read-data"],
    ["point list", ""],
    ["point show", "web01"],
    ["restore", "web01 --to-dir out --dry-run"],
    ["restore", "web01 --to-dir out"],
    ["backup", "web01"],
    ["point diff", "web01 web01 --ranges"],
    ["point delete", "$(lockstep point list | sed -n '3s/ .*//p')"],
    ["point undelete", "$(lockstep point list --deleted | sed -n '2s/ .*//p')"],
    ["prune", "--dry-run"],
    ["vault check", ""],
    ["machine list", ""],
    ["machine show", "web01"],
    ["machine set", "web01 --every 7d"],
    ["machine rename", "web01 web02"],
    ["machine unprotect", "web02"],
    ["vault show", ""],
    ["vault unlock add", "--new-key-file second --label second"],
    ["vault unlock list", ""],
    ["vault unlock remove", "second"],
    ["store check", "place"],
    ["config show", ""],
  ];
  for (const [command, given] of lines) {
    const { command: named, warnings, ...members } = trial.json(`lockstep ${command} ${given}`);
    assert.equal(named, command);
    assert.deepEqual(withoutUnseen(warnings), [], command);
    assert.deepEqual(Object.keys(members), documented(command), command);
  }
});

test("and so do the commands for volumes", (t) => {
  const trial = volumeTrial(t);
  if (trial === null) return;
  writeFileSync(trial.path("keys.csv"), `secret\n"${secrets.passphrase}"\n`);
  trial.prepare(
    "rm config.toml",
    "lockstep init vault --key-file key --no-key-store",
    "lockstep protect web01 --disk disks/luks2.raw",
  );
  const disk = "disks/luks2.raw --passphrase-file pw";
  const lines: readonly (readonly [command: string, given: string])[] = [
    ["scan", "disks/luks2.raw disks/plain.raw --keys keys.csv"],
    ["disk inspect", "disks/gpt.raw"],
    ["volume check", disk],
    ["volume decrypt", `${disk} --to plain`],
    ["backup", "web01"],
    ["point header", "web01 --to kept"],
    ["volume header-restore", "disks/luks2.raw --from kept"],
  ];
  for (const [command, given] of lines) {
    const { command: named, warnings, ...members } = trial.json(`lockstep ${command} ${given}`);
    assert.deepEqual([named, withoutUnseen(warnings)], [command, []]);
    assert.deepEqual(Object.keys(members), documented(command), command);
  }
});

test("a failure is one document too", (t) => {
  const trial = new Trial(t);
  trial.prepare("touch config.toml");
  for (const [line, code] of [
    ["lockstep status", "ARGUMENT_INVALID"],
    ["lockstep nonsense", "ARGUMENT_INVALID"],
    ["lockstep status --vault none", "STORE_MISSING"],
  ] as const) {
    const { error, warnings, ...rest } = trial.json(line);
    assert.partialDeepStrictEqual(error, { code }, line);
    assert.deepEqual([warnings, rest], [[], {}], line);
  }
});
