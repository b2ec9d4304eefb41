import assert from "node:assert/strict";
import { test } from "node:test";

import type { ShownVersion } from "#api/keys.ts";
import { oneInUse } from "#cli/steps/exact-versions.ts";

/** A version of web01 that is in use unless `gone` says why it is not. */
function version(number: number, gone: Partial<ShownVersion["version"]> = {}): Pick<ShownVersion, "version"> {
  return {
    version: {
      id: "0".repeat(32),
      name: `web01/v${number}`,
      kind: "passphrase",
      origin: "given",
      note: "",
      createdAt: "2026-01-01T00:00:00Z",
      enabled: true,
      activatesAt: null,
      expiresAt: null,
      retiredAt: null,
      compromisedAt: null,
      deletedAt: null,
      destroyedAt: null,
      damagedAt: null,
      ...gone,
    },
  };
}

const day = "2026-02-01T00:00:00Z";

test("a key's name means the one version that is in use", () => {
  const versions = [
    version(1, { destroyedAt: day }),
    version(2, { deletedAt: day }),
    version(3, { retiredAt: day }),
    version(4, { enabled: false }),
  ];
  assert.equal(oneInUse("web01", versions), "web01/v4");
});

test("where there are several, or none, they are named", () => {
  assert.throws(() => oneInUse("web01", [version(1), version(2), version(3, { retiredAt: day })]), {
    code: "NAME_AMBIGUOUS",
    message: /several/,
    hint: "Name one of them: web01/v1, web01/v2.",
  });
  assert.throws(() => oneInUse("web01", [version(1, { retiredAt: day })]), {
    code: "NAME_AMBIGUOUS",
    message: /no version in use/,
    hint: "Name one of them: web01/v1.",
  });
});
