import type { FileHandle } from "node:fs/promises";

/** Reads on until `into` is full; fewer bytes only at the end of the file. @throws the system's error */
export async function readAt(file: FileHandle, offsetBytes: number, into: Uint8Array): Promise<number> {
  let done = 0;
  while (done < into.length) {
    const { bytesRead } = await file.read(into, done, into.length - done, offsetBytes + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return done;
}

/** Writes on until all of `from` is written. @throws the system's error */
export async function writeAt(file: FileHandle, offsetBytes: number, from: Uint8Array): Promise<void> {
  let done = 0;
  while (done < from.length) {
    done += (await file.write(from, done, from.length - done, offsetBytes + done)).bytesWritten;
  }
}
