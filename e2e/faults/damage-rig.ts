import assert from "node:assert/strict";

import { isLockstepError } from "#errors/errors.ts";
import type { LockstepError } from "#errors/errors.ts";
import { checkVault } from "#ops/check-vault.ts";
import { addUnlockWay } from "#ops/unlock-ways.ts";
import type { ObjectKey, Store } from "#store/contract.ts";
import { keysOf } from "#testing/damage.ts";
import { fileKeyOf } from "#testing/keyring-deps.ts";
import { assertClear, WholeVault } from "#testing/whole-vault.ts";
import type { Client } from "#testing/whole-vault.ts";

const { signal } = new AbortController();

/** A vault with everything in it that one can have: two keyrings, three points, a summary, entries before and after. */
export async function richVault(store: Store): Promise<WholeVault> {
  const whole = await WholeVault.make("rich", 40, { store });
  const client = await whole.open();
  await whole.backUp(client);
  whole.change(0, 8);
  await whole.backUp(client);
  const keyring = { store, opened: client.opened, deps: whole.keyringDeps() };
  await addUnlockWay(keyring, [client.log], { label: "second", secret: fileKeyOf(2) }, signal);
  for (let i = 0; i < 70; i++) await client.log.append(({ machine }) => ({ type: "machine", machine }), signal);
  whole.change(4, 12, 3);
  await whole.backUp(client);
  return whole;
}

/** One kind of object: where one of them is, and another of the same kind. */
export type Victim = { readonly kind: string; readonly key: ObjectKey; readonly other: ObjectKey };

/** An object of every kind, and the second copy of it where there is one. */
export async function victimsIn(whole: WholeVault): Promise<readonly Victim[]> {
  const keys = await keysOf(whole.store);
  const primaries = keys.filter((key) => !key.startsWith("copies/"));
  const pick = (kind: string, part: string, index: number): Victim => {
    const found = primaries.filter((key) => key.includes(part));
    const key = found.at(index);
    const other = found.at(index === 0 ? 1 : index - 1) ?? key;
    assert.ok(key !== undefined && other !== undefined, `the vault has no ${kind}`);
    return { kind, key, other };
  };
  const victims = [
    pick("vault.json", "vault.json", 0),
    pick("the first keyring", "keyring/", 0),
    pick("the newest keyring", "keyring/", -1),
    pick("the roster", "roster/", 0),
    pick("the first log entry", "/log/", 0),
    pick("a log entry", "/log/", 40),
    pick("the last log entry", "/log/", -1),
    pick("a summary", "/summaries/", 0),
    pick("the body of a point", "/points/", 0),
    pick("a segment of the first point's nodes", "/nodes/", 0),
    pick("a segment of the last point's nodes", "/nodes/", -1),
    pick("a segment of data", "/data/", 0),
    pick("the last segment of data", "/data/", -1),
  ];
  const copies = victims.flatMap(({ kind, key, other }) => {
    const copy = `copies/${key}`;
    return keys.includes(copy) ? [{ kind: `the copy of ${kind}`, key: copy, other: `copies/${other}` }] : [];
  });
  return [...victims, ...copies];
}

/** What somebody finds who works with a damaged vault. Nothing that it does may fail in an unclear way. */
export type Findings = {
  readonly opened: boolean;
  readonly error: LockstepError | null;
  /** Points that could not be read, and why. */
  readonly lost: readonly LockstepError[];
  /** Whether a check of everything said that something is wrong. */
  readonly noticed: boolean;
};

async function clearly<Result>(way: string, work: () => Promise<Result>): Promise<Result | LockstepError> {
  try {
    return await work();
  } catch (error) {
    assertClear(error, way);
    return error;
  }
}

/** Opens a damaged vault, reads every point, and checks everything, changing nothing. */
export async function lookAround(whole: WholeVault, store: Store, way: string): Promise<Findings> {
  const client = await clearly(way, () => whole.open(store));
  if (isLockstepError(client)) return { opened: false, error: client, lost: [], noticed: true };
  const lost: LockstepError[] = [];
  for (const [point, expected] of whole.expected) {
    const state = client.log.fold.points.get(point);
    if (state === undefined) continue;
    const bytes = await clearly(`${way}: read`, () => whole.read(client, state));
    if (isLockstepError(bytes)) lost.push(bytes);
    else assert.ok(Buffer.from(bytes).equals(expected), `${way}: wrong data was given as right`);
  }
  return { opened: true, error: null, lost, noticed: await isWrong(whole, client, way) };
}

async function isWrong(whole: WholeVault, client: Client, way: string): Promise<boolean> {
  const points = await clearly(`${way}: check`, () => whole.check(client));
  const options = { repair: false, progress: () => undefined };
  const vault = await clearly(`${way}: vault check`, () => checkVault(client.vault, client.opened, options, signal));
  return isLockstepError(points) || isLockstepError(vault) || !points.ok || !vault.ok;
}

/** Lets a check put right what it can, backs up, prunes, and reads all points: what cannot be done must fail clearly. */
export async function goOn(whole: WholeVault, store: Store, way: string): Promise<readonly LockstepError[]> {
  const failures: LockstepError[] = [];
  const attempt = async (what: string, work: (client: Client) => Promise<unknown>): Promise<void> => {
    const result = await clearly(`${way}: ${what}`, async () => work(await whole.open(store)));
    if (isLockstepError(result)) failures.push(result);
  };
  await attempt("vault check with repair", ({ vault, opened }) =>
    checkVault(vault, opened, { repair: true, progress: () => undefined }, signal),
  );
  await attempt("check with repair", (client) => whole.check(client, { repair: true, record: true }));
  await attempt("backup", (client) => whole.backUp(client));
  await attempt("prune", (client) => whole.prune(client));
  const after = await lookAround(whole, store, `${way}, later`);
  return [...failures, ...(after.error === null ? [] : [after.error]), ...after.lost];
}
