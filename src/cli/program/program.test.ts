import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { test } from "node:test";

import { commandTable, helpParts } from "#cli/program/command-table.ts";
import { runProgram } from "#cli/program/program.ts";
import { LockstepError } from "#errors/errors.ts";

const page = readFileSync(join(import.meta.dirname, "../../../docs/json.md"), "utf8");

/** Runs a command line up to the point at which a command would get to work. */
async function run(...words: readonly string[]) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const opened: unknown[] = [];
  const status = await runProgram(words, {
    version: "1.2.3",
    stdout,
    stderr,
    openApp: (_output, flags, entry) => {
      opened.push([entry.words.join(" "), flags]);
      return Promise.reject(new LockstepError("CONFIG_INVALID", "this far and no further"));
    },
  });
  stdout.end();
  stderr.end();
  return { status, stdout: await text(stdout), stderr: await text(stderr), opened };
}

test("every command has help with examples of itself and exit codes", async () => {
  for (const { words } of commandTable) {
    const name = words.join(" ");
    const { status, stdout, opened } = await run(...words, "--help");
    assert.deepEqual([status, opened], [0, []], name);
    assert.match(stdout, new RegExp(`^Usage: lockstep ${name} `), name);
    assert.match(stdout, new RegExp(`\nExamples:\n  lockstep .*${name}.*\nExit codes:\n  0 `, "s"), name);
    assert.equal((await run("help", ...words)).stdout, stdout, name);
  }
});

test("every command has its shape in docs/json.md", () => {
  for (const { words } of commandTable) assert.ok(page.includes(`\n## lockstep ${words.join(" ")}\n`), words.join(" "));
});

test("options of all commands count wherever they stand", async () => {
  for (const words of [
    ["--vault", "v", "vault", "show", "--json"],
    ["vault", "--json", "--vault", "v", "show"],
    ["vault", "show", "--vault", "v", "--json"],
  ]) {
    const { opened, status } = await run(...words);
    assert.deepEqual(opened, [["vault show", { vault: "v", json: true }]]);
    assert.equal(status, 64);
  }
});

test("a command line that names no command gets the help, or with --json a document", async () => {
  for (const words of [[], ["point"], ["vault", "unlock"]]) {
    const help = await run(...words);
    assert.deepEqual([help.status, help.stdout], [64, ""]);
    assert.match(help.stderr, /^Usage: lockstep/);
    const { status, stdout } = await run(...words, "--json");
    assert.equal(status, 64);
    const document = JSON.parse(stdout) as { error: { code: string }; warnings: unknown };
    assert.deepEqual([document.error.code, document.warnings], ["ARGUMENT_INVALID", []]);
  }
});

test("an alias is the command that it stands for", async () => {
  assert.deepEqual((await run("recoverypoint", "list")).opened, [["point list", {}]]);
});

test("what is typed wrong is an error of its own, in text and as JSON", async () => {
  for (const [words, message] of [
    [["bakup"], "unknown command 'bakup'"],
    [["vault", "shwo"], "unknown command 'shwo'"],
    [["backup", "--torn"], "unknown option '--torn'"],
    [["machine", "rename", "a"], "missing required argument 'new-name'"],
    [["config", "show", "all"], "too many arguments for 'show'. Expected 0 arguments but got 1."],
    [["protect", "a", "--every", "often"], '"often" is not an interval'],
  ] as const) {
    const asText = await run(...words);
    assert.deepEqual([asText.status, asText.stdout, asText.opened], [64, "", []], message);
    assert.ok(asText.stderr.startsWith(`error: ${message} [ARGUMENT_INVALID]\n  hint: `), asText.stderr);
    const asJson = await run(...words, "--json");
    const document: unknown = JSON.parse(asJson.stdout);
    assert.partialDeepStrictEqual(document, { error: { code: "ARGUMENT_INVALID", message }, warnings: [] });
    assert.deepEqual([asJson.status, asJson.stderr], [64, ""]);
  }
});

test("help may stand before a command, before its verb, and as an option", async () => {
  const wanted = (await run("key", "import", "--help")).stdout;
  assert.match(wanted, /^Usage: lockstep key import \[options\] <file>/);
  for (const words of [
    ["help", "key", "import"],
    ["key", "help", "import"],
    ["help", "key", "import", "old.csv"],
  ]) {
    assert.deepEqual(await run(...words), { status: 0, stdout: wanted, stderr: "", opened: [] }, words.join(" "));
  }
  assert.equal((await run("help", "recoverypoint", "list")).stdout, (await run("point", "list", "--help")).stdout);
  assert.equal((await run("help")).stdout, (await run("--help")).stdout);
});

test("help on what does not exist is refused as that is, with what may be meant", async () => {
  for (const words of [
    ["help", "bakup"],
    ["bakup", "--help"],
    ["help", "bakup", "web01"],
  ]) {
    const { status, stdout, stderr } = await run(...words);
    assert.deepEqual([status, stdout], [64, ""]);
    assert.match(stderr, /^error: unknown command 'bakup' .*\n {2}hint: Did you mean backup\?\n$/);
  }
  assert.match((await run("help", "key", "imprt")).stderr, /unknown command 'imprt'.*\n.*Did you mean import\?/);
  assert.match((await run("xyz")).stderr, /hint: `lockstep --help` lists the commands/);
  assert.match((await run("key", "xyz")).stderr, /hint: `lockstep key --help` lists the commands/);
});

test("a verb without its noun, and what other programs call a command, are told the command", async () => {
  for (const [words, hint] of [
    [["undelete", "web01"], "Did you mean point undelete?"],
    [["inspect"], "Did you mean disk inspect?"],
    [["snapshots"], "Did you mean point list?"],
    [["forget", "--keep-daily", "7"], "Did you mean prune, point delete?"],
    [["machine", "ls"], "Did you mean list?"],
  ] as const) {
    assert.ok((await run(...words)).stderr.endsWith(`hint: ${hint}\n`), words.join(" "));
  }
  assert.match((await run("list")).stderr, /Did you mean machine list, point list\?/);
});

test("a command line that is wrong is told where its command is described", async () => {
  const wrong = [
    ["--vault", "/v", "restore"],
    ["status", "extra"],
    ["vault", "unlock", "add", "a", "b"],
  ];
  const hints = ["restore", "status", "vault unlock add"].map((name) => `hint: \`lockstep ${name} --help\` says`);
  for (const [at, words] of wrong.entries()) assert.ok((await run(...words)).stderr.includes(hints[at] ?? "none"));
});

test("the program's help has every command in one of its parts, and no part is empty", async () => {
  const { stdout } = await run("--help");
  const inParts = Object.values(helpParts).flat();
  assert.deepEqual([...new Set(commandTable.map(({ words }) => words[0]))].sort(), inParts.toSorted());
  const places = Object.entries(helpParts).flatMap(([heading, words]) => [
    stdout.indexOf(`\n${heading}\n`),
    ...words.map((word) => stdout.search(new RegExp(`^  ${word}[ |]`, "m"))),
  ]);
  assert.ok(places.every((place) => place > 0));
  assert.deepEqual(
    places,
    places.toSorted((one, other) => one - other),
  );
});

test("nothing, and a word that only groups commands, are answered by help that says what there is", async () => {
  assert.match((await run()).stderr, /^Usage: lockstep .*\nBack up and restore:\n.*\nFirst steps:\n/s);
  for (const words of [["vault"], ["vault", "unlock"]]) {
    const { status, stdout, stderr } = await run(...words);
    assert.deepEqual([status, stdout], [64, ""]);
    assert.match(stderr, /^Usage: lockstep .*\nCommands:\n/s);
  }
});

test("the version is that of the program", async () => {
  const { status, stdout } = await run("--version");
  assert.deepEqual([status, stdout], [0, "1.2.3\n"]);
});
