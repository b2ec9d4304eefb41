import { pbkdf2Sync } from "node:crypto";

import { Secret } from "#bytes/secret.ts";
import { throwIfCancelled } from "#errors/cancelled.ts";
import type { KdfRequest, KeyDeriver } from "#volume/header/kdf.ts";

/** Derives PBKDF2 in this process, and remembers what it was asked and what it gave. */
export class Pbkdf2Deriver implements KeyDeriver {
  readonly requests: KdfRequest[] = [];
  /** The secrets, in the order of the requests. */
  readonly tried: Secret[] = [];
  /** Whether each was wiped can be seen here afterwards. */
  readonly given: Secret[] = [];

  derive(request: KdfRequest, secret: Secret, signal: AbortSignal): Promise<Secret> {
    return Promise.try(() => {
      throwIfCancelled(signal);
      if (request.kind !== "pbkdf2") throw new Error(`asked for ${request.kind}`);
      this.requests.push(request);
      this.tried.push(secret);
      const { iterations, keyBytes, salt, hash } = request;
      const key = new Secret(new Uint8Array(pbkdf2Sync(secret.bytes, salt, iterations, keyBytes, hash)));
      this.given.push(key);
      return key;
    });
  }
}
