import type { SealFacts } from "#api/store.ts";

/** What a way in which a key store opens is called. */
export const sealWords: Readonly<Record<SealFacts["kind"], string>> = {
  passphrase: "passphrase",
  "key-file": "key file",
  "host-credential": "credential of the host",
};
