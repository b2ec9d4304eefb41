import assert from "node:assert/strict";
import { PassThrough, Writable } from "node:stream";
import { test } from "node:test";

import { Output } from "#cli/output/output.ts";
import { LockstepError } from "#errors/errors.ts";

function start(options: { json?: boolean; quiet?: boolean; isTTY?: boolean } = {}) {
  const stdout = new PassThrough({ encoding: "utf8" });
  const stderr = Object.assign(new PassThrough({ encoding: "utf8" }), { isTTY: options.isTTY ?? false });
  const { json = false, quiet = false } = options;
  const output = new Output({ command: "backup", json, quiet, stdout, stderr });
  const text = (stream: PassThrough): string => (stream.read() as string | null) ?? "";
  return { output, stdout: () => text(stdout), stderr: () => text(stderr) };
}

const warning = { code: "POINT_TORN", message: "the disk changed while it was read", hint: "Use a snapshot." };

test("as text, results go to standard output, and all else to standard error", async () => {
  const { output, stdout, stderr } = start();
  output.note("reading web01");
  output.warn(warning);
  output.print("web01@2026-11-23T14:05", "40.0 GiB read");
  output.finish({ point: "web01@2026-11-23T14:05" });
  await output.close();
  assert.equal(stdout(), "web01@2026-11-23T14:05\n40.0 GiB read\n");
  assert.equal(
    stderr(),
    "reading web01\nwarning: the disk changed while it was read [POINT_TORN]\n  hint: Use a snapshot.\n",
  );
});

test("with json, standard output gets one document with the warnings, and standard error nothing", async () => {
  const { output, stdout, stderr } = start({ json: true });
  output.note("reading web01");
  output.warn(warning);
  output.print("web01");
  output.finish({ takenAt: Temporal.Instant.from("2026-11-23T13:05:00Z"), bytesRead: 7 });
  await output.close();
  assert.deepEqual(JSON.parse(stdout()), {
    command: "backup",
    warnings: [warning],
    takenAt: "2026-11-23T13:05:00Z",
    bytesRead: 7,
  });
  assert.equal(stderr(), "");
});

test("an error is told in either way, and gives the exit code", () => {
  const error = new LockstepError("STORE_FULL", "no space", { hint: "Free space." });
  const text = start();
  assert.equal(text.output.fail(error), 75);
  assert.equal(text.stdout(), "");
  assert.equal(text.stderr(), "error: no space [STORE_FULL]\n  hint: Free space.\n");

  const json = start({ json: true });
  json.output.warn(warning);
  assert.equal(json.output.fail(error), 75);
  assert.deepEqual(JSON.parse(json.stdout()), {
    error: { code: "STORE_FULL", kind: "unavailable", message: "no space", hint: "Free space." },
    warnings: [warning],
  });
  assert.equal(json.stderr(), "");
});

test("an error after the result never makes a second document", () => {
  const { output, stdout, stderr } = start({ json: true });
  output.finish({});
  assert.equal(output.fail(new LockstepError("CANCELLED", "stopped")), 130);
  assert.deepEqual(JSON.parse(stdout()), { command: "backup", warnings: [] });
  assert.equal(stderr(), "error: stopped [CANCELLED]\n");
  assert.throws(() => output.finish({}), /already/);
});

test("the stack of a bug is never lost", () => {
  const { output, stdout, stderr } = start({ json: true });
  assert.equal(output.fail(new TypeError("x")), 70);
  assert.equal(JSON.parse(stdout()).error.code, "BUG");
  assert.match(stderr(), /output\.test\.ts/);
});

test("quiet leaves out notes, and no warning", () => {
  const { output, stdout, stderr } = start({ quiet: true });
  output.note("reading web01");
  output.print("done");
  output.warn({ code: "X", message: "y" });
  assert.equal(stdout(), "done\n");
  assert.equal(stderr(), "warning: y [X]\n");
});

test("progress is a bar on a terminal, lines elsewhere, and nothing where it would disturb", () => {
  const style = (options: Parameters<typeof start>[0]) => start(options).output.progressStyle;
  assert.equal(style({ isTTY: true }), "bar");
  assert.equal(style({}), "lines");
  assert.equal(style({ isTTY: true, json: true }), "none");
  assert.equal(style({ isTTY: true, quiet: true }), "none");
});

test("what a disk calls itself cannot act on the terminal or forge a line", () => {
  const { output, stdout } = start();
  output.print("label \u001b[2J\u202eevil\nerror: none");
  assert.equal(stdout(), "label \\x1b[2J\\u{202e}evil\\x0aerror: none\n");
  const json = start({ json: true });
  json.output.finish({ label: "\u202e\u009b" });
  assert.equal(json.stdout(), '{"command":"backup","warnings":[],"label":"\\u202e\\u009b"}\n');
});

test("data has standard output for itself: words go to standard error from then on", async () => {
  const { output, stdout, stderr } = start();
  output.print("before");
  await output.writeData(Uint8Array.of(0x61, 0x0a, 0x62));
  output.print("opened by keyslot 0");
  output.finish({});
  await output.close();
  assert.equal(stdout(), "before\na\nb");
  assert.equal(stderr(), "opened by keyslot 0\n");
});

test("data waits until what was written before is taken", async () => {
  const taken: string[] = [];
  const stdout = new Writable({
    highWaterMark: 1,
    write: (chunk: Uint8Array, _encoding, done) =>
      void setImmediate(() => {
        taken.push(String(chunk));
        done();
      }),
  });
  const output = new Output({ command: "x", json: false, quiet: false, stdout, stderr: new PassThrough() });
  for (const [at, text] of ["a", "b", "c"].entries()) {
    await output.writeData(Buffer.from(text));
    assert.equal(taken.length, at + 1);
  }
});

test("data that could not be written is an error at once, also where the reader went away", async () => {
  for (const code of ["EPIPE", "ENOSPC"]) {
    const output = new Output({
      command: "volume decrypt",
      json: false,
      quiet: false,
      stdout: failing(code),
      stderr: new PassThrough(),
    });
    const failed = { code: "SYSTEM_CALL_FAILED", message: `writing to standard output failed: ${code}: write` };
    await assert.rejects(output.writeData(Uint8Array.of(1)), failed);
    await assert.rejects(output.writeData(Uint8Array.of(2)), failed);
  }
});

function failing(code: string): Writable {
  return new Writable({
    write: (_chunk, _encoding, done) => done(Object.assign(new Error(`${code}: write`), { code })),
  });
}

test("a reader that goes away is no error", async () => {
  const output = new Output({
    command: "point list",
    json: false,
    quiet: false,
    stdout: failing("EPIPE"),
    stderr: failing("EPIPE"),
  });
  output.print("one");
  output.warn(warning);
  await output.close();
  output.print("two");
  await output.close();
});

test("a result that could not be written is an error", async () => {
  const stderr = new PassThrough();
  const output = new Output({ command: "point list", json: true, quiet: false, stdout: failing("ENOSPC"), stderr });
  output.finish({});
  await assert.rejects(output.close(), { code: "SYSTEM_CALL_FAILED", message: /standard output failed: ENOSPC/ });
});

test("what lies on the last line is cleared before anything is said, and stopped at the end", async () => {
  const { output, stderr } = start();
  const overlay = {
    clear: () => output.stderr.write("<clear>"),
    stop: () => {
      output.overlay(null);
      output.stderr.write("<stop>");
    },
  };
  output.overlay(overlay);
  output.note("a");
  output.finish({});
  await output.close();
  assert.equal(stderr(), "<clear>a\n<stop>");
});
