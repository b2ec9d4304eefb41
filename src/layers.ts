/** Who may import whom, and which third-party packages each folder of `src` may use. `layers.test.ts` enforces it. */
export const layers: Readonly<
  Record<string, { readonly folders: readonly string[]; readonly packages: readonly string[] }>
> = {
  errors: { folders: [], packages: [] },
  bytes: { folders: ["errors"], packages: [] },
  crypto: { folders: ["errors", "bytes"], packages: ["@napi-rs/blake-hash"] },
  linux: { folders: ["errors", "bytes"], packages: ["koffi"] },
  disk: { folders: ["errors", "bytes", "crypto", "linux"], packages: [] },
  store: { folders: ["errors", "bytes", "crypto", "linux"], packages: [] },
  policy: { folders: ["errors"], packages: [] },
  volume: { folders: ["errors", "bytes", "crypto"], packages: ["hash-wasm"] },
  kdf: { folders: ["errors", "bytes", "crypto", "volume"], packages: [] },
  vault: { folders: ["errors", "bytes", "crypto", "store", "policy"], packages: ["zod"] },
  keys: {
    folders: ["errors", "bytes", "crypto", "linux", "store", "policy", "volume", "kdf"],
    packages: ["zod", "age-encryption", "shamir-secret-sharing", "uqr"],
  },
  api: { folders: ["errors"], packages: ["zod"] },
  server: {
    folders: ["errors", "bytes", "crypto", "store", "policy", "volume", "kdf", "keys", "api"],
    packages: ["fastify", "zod"],
  },
  client: { folders: ["errors", "bytes", "api"], packages: [] },
  ops: {
    folders: [
      "errors",
      "bytes",
      "crypto",
      "linux",
      "disk",
      "store",
      "policy",
      "volume",
      "kdf",
      "vault",
      "api",
      "client",
    ],
    packages: ["zod", "csv-parse"],
  },
  cli: {
    folders: ["errors", "bytes", "disk", "store", "policy", "volume", "vault", "api", "client", "ops"],
    packages: ["commander", "cli-progress", "@inquirer/password"],
  },
  main: {
    folders: [
      "errors",
      "bytes",
      "crypto",
      "linux",
      "disk",
      "store",
      "policy",
      "volume",
      "kdf",
      "vault",
      "keys",
      "api",
      "server",
      "client",
      "ops",
      "cli",
    ],
    packages: ["smol-toml", "zod", "@inquirer/password"],
  },
};

/** May be imported by tests (and by `e2e` and `bench`) only; may import everything below `cli`. */
export const testOnlyFolder = "testing";
