import { flushCompileCache } from "node:module";
import process from "node:process";

import { deriveKey } from "#kdf/derive-key.ts";
import { failureAnswer, MessageReader, readRequest, REQUEST_BYTES_MAX, writeAnswer } from "#kdf/kdf-message.ts";

// The child of `kdfProcess`: reads one request from its standard input, writes one answer to its standard output, and waits to
// be killed. That its input ends means that its parent is gone. It kills itself rather than exits, since an exit would wait
// for a derivation that has begun.

// A killed process would not write it.
flushCompileCache();

const reader = new MessageReader(REQUEST_BYTES_MAX);
let begun = false;

process.stdin.on("data", (piece: Buffer) => {
  if (begun) return;
  const body = reader.add(piece);
  if (body === null) return;
  begun = true;
  void answer(body).then((bytes) =>
    process.stdout.write(bytes, () => {
      bytes.fill(0);
    }),
  );
});
process.stdin.on("close", end);
process.stdout.on("error", end);

async function answer(body: Uint8Array): Promise<Uint8Array> {
  const { request, secret } = readRequest(body);
  body.fill(0);
  try {
    using key = await deriveKey(request, secret);
    return writeAnswer({ kind: "key", key });
  } catch (error) {
    return writeAnswer(failureAnswer(error));
  } finally {
    secret.wipe();
  }
}

function end(): void {
  process.kill(process.pid, "SIGKILL");
}
