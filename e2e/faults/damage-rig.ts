import assert from "node:assert/strict";

import { LockstepError } from "#errors/errors.ts";
import { checkVault } from "#ops/check/check-vault.ts";
import type { CheckedLog } from "#ops/check/check-vault.ts";
import type { HurtDisk } from "#ops/check/check.ts";
import { addUnlockWay } from "#ops/unlock/unlock-ways.ts";
import type { ObjectKey, Store } from "#store/contract.ts";
import { keysOf } from "#testing/vaults/damage.ts";
import { fileKeyOf } from "#testing/vaults/keyring-deps.ts";
import { assertClear, WholeVault } from "#testing/vaults/whole-vault.ts";
import type { Client } from "#testing/vaults/whole-vault.ts";
import type { PointState } from "#vault/fold/fold.ts";
import type { PointId } from "#vault/object/ids.ts";

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

/** What somebody gets who opens a damaged vault and reads every point. */
export type Reading = {
  /** Why it cannot be opened. */
  readonly error: LockstepError | null;
  /** Points that cannot be read, and why. */
  readonly lost: ReadonlyMap<PointId, LockstepError>;
};

/** What somebody finds who also checks everything. */
export type Findings = Reading & {
  /** What a check says that cannot be given back. */
  readonly hurt: readonly HurtDisk[];
  /** Whether a check of everything, or opening the vault, said that something is wrong. */
  readonly noticed: boolean;
};

/** The result, or an error that a user can act on; anything else fails the test. */
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
  if (client instanceof LockstepError) return { error: client, lost: new Map(), hurt: [], noticed: true };
  const lost = await readAll(whole, client, way);
  const points = await clearly(`${way}: check`, () => whole.check(client));
  const options = { repair: false, progress: () => undefined };
  const vault = await clearly(`${way}: vault check`, () => checkVault(client.vault, client.opened, options, signal));
  const pointsAreWell = !(points instanceof LockstepError) && points.ok;
  const vaultIsWell = !(vault instanceof LockstepError) && vault.ok && vault.logs.every((log) => isQuiet(log));
  const hurt = points instanceof LockstepError ? [] : points.hurt;
  return { error: null, lost, hurt, noticed: !pointsAreWell || !vaultIsWell || client.log.warnings.length > 0 };
}

/** Reads every point. @returns those that cannot be read, and why */
async function readAll(whole: WholeVault, client: Client, way: string): Promise<ReadonlyMap<PointId, LockstepError>> {
  const lost = new Map<PointId, LockstepError>();
  for (const [point, expected] of whole.expected) {
    const state = client.log.fold.points.get(point);
    if (state === undefined) continue;
    const bytes = await readOrError(whole, client, state, way);
    if (bytes instanceof LockstepError) lost.set(point, bytes);
    else assert.ok(Buffer.from(bytes).equals(expected), `${way}: wrong data was given as right`);
  }
  return lost;
}

function readOrError(
  whole: WholeVault,
  client: Client,
  state: PointState,
  way: string,
): Promise<Uint8Array | LockstepError> {
  return clearly(`${way}: read`, () => whole.read(client, state));
}

function isQuiet({ warnings }: CheckedLog): boolean {
  return warnings.length === 0;
}

/** What came of going on: what failed, and what can be read in the end. */
export type Aftermath = { readonly failures: readonly LockstepError[]; readonly later: Reading };

/** Lets checks put right what they can, backs up the disk as it was, prunes, and reads again. */
export async function goOn(whole: WholeVault, store: Store, way: string): Promise<Aftermath> {
  const failures: LockstepError[] = [];
  const client = await clearly(way, () => whole.open(store));
  const attempt = async (what: string, work: (client: Client) => Promise<unknown>): Promise<void> => {
    const open = client instanceof LockstepError ? Promise.reject(client) : Promise.resolve(client);
    const result = await clearly<unknown>(`${way}: ${what}`, async () => work(await open));
    if (result instanceof LockstepError) failures.push(result);
  };
  await attempt("vault check with repair", ({ vault, opened }) =>
    checkVault(vault, opened, { repair: true, progress: () => undefined }, signal),
  );
  await attempt("check with repair", (client) => whole.check(client, { repair: true, record: true }));
  await attempt("backup", (client) => whole.backUp(client));
  await attempt("prune", (client) => whole.prune(client));
  const later = await clearly(way, () => whole.open(store));
  if (later instanceof LockstepError) return { failures, later: { error: later, lost: new Map() } };
  return { failures, later: { error: null, lost: await readAll(whole, later, `${way}, later`) } };
}
