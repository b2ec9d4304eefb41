import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import type { Asker, Route } from "#api/route.ts";
import { apiRoutes } from "#api/routes.ts";
import type { RouteName } from "#api/routes.ts";
import { keyClient } from "#client/key-client.ts";
import { isLockstepError } from "#errors/errors.ts";
import { Idle } from "#server/idle.ts";
import { keyServer, listenAt } from "#server/key-server.ts";
import { testKeySide } from "#testing/keys/key-side.ts";

const page = readFileSync(join(import.meta.dirname, "../../docs/key-roles.md"), "utf8");
const routes = Object.entries<Route>(apiRoutes);
/** What somebody is told who is not let in; and where the key side fails by a bug. */
const shutOut: readonly (string | null)[] = [
  "NOT_ALLOWED",
  "IDENTITY_REJECTED",
  "RATE_LIMITED",
  "KEY_SIDE_UNREACHABLE",
];
const columns: readonly Asker[] = ["custodian", "auditor", "backup", "machine", "anybody"];

test("docs/key-roles.md has every route, and who may ask for it", () => {
  const found = page
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
  const meant = routes.map(([name, { summary, askers, secondPerson }]) => [
    `\`${name}\``,
    summary,
    ...columns.map((column) => (askers.includes(column) ? "yes" : "")),
    secondPerson === true ? "yes" : "",
  ]);
  assert.deepEqual(found, meant);
});

test("asked over the socket, every route lets in whom the table lets in, and nobody else", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "lockstep-roles-"));
  using keys = await testKeySide();
  const idle = new Idle(() => performance.now());
  const server = keyServer(keys.side, idle, null);
  const socket = join(folder, "socket");
  await listenAt(server, socket);
  t.after(async () => {
    await server.close();
    rmSync(folder, { recursive: true });
  });
  const { signal } = new AbortController();
  for (const [name, { askers }] of routes) {
    for (const role of ["custodian", "auditor", "backup", "machine", null] as const) {
      keys.pass({ minutes: 1 }); // a new budget of refusals
      const client = keyClient(socket, role === null ? null : keys.tokens[role]);
      // What comes of an empty input is another question; that it is no bug is this one, too.
      const refused = await client.call(name as RouteName, {}, signal).then(
        () => null,
        (error: unknown) => (isLockstepError(error) ? error.code : String(error)),
      );
      const isIn = askers.includes("anybody") || (role !== null && askers.includes(role));
      if (!isIn) assert.equal(refused, role === null ? "IDENTITY_REJECTED" : "NOT_ALLOWED", `${name} by ${role}`);
      else assert.ok(!shutOut.includes(refused), `${name} by ${role}: ${refused}`);
    }
  }
});

test("a backup side may report, ask for proofs and list: nothing that shows a value, binds, or matches", () => {
  const allowed = routes.filter(([, { askers }]) => askers.includes("backup")).map(([name]) => name);
  assert.deepEqual(allowed.toSorted(), [
    "alarm.list",
    "binding.gone",
    "copy.list",
    "key.list",
    "kit.show",
    "point.needs",
    "point.report",
    "proof.begin",
    "proof.list",
    "proof.show",
    "rollover.list",
    "vault.list",
  ]);
});

test("what needs a second person is asked for by custodians only, and always audited", () => {
  const second = routes.filter(([, { secondPerson }]) => secondPerson === true);
  assert.ok(second.length > 0);
  for (const [name, { askers, unaudited }] of second)
    assert.deepEqual([askers, unaudited], [["custodian"], undefined], name);
  const names = second.map(([name]) => name);
  for (const name of ["key.reveal", "key.purge", "vault.retire", "identity.add", "identity.revoke", "policy.set"]) {
    assert.ok(names.includes(name), name);
  }
});
