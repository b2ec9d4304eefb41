import type { Route } from "#api/route.ts";
import { apiRoutes } from "#api/routes.ts";
import type { InputOf, ReplyOf, RouteName } from "#api/routes.ts";
import { LockstepError, isLockstepError } from "#errors/errors.ts";
import { giveBack, permit } from "#keys/access/approvals.ts";
import { identify } from "#keys/access/identities.ts";
import { signHeadWhenDue } from "#keys/audit/audit-heads.ts";
import { appendAudit } from "#keys/audit/audit.ts";
import type { AuditedAct } from "#keys/audit/audit.ts";
import { damageOr } from "#keys/store/database-damage.ts";
import { databaseError } from "#keys/store/database-error.ts";
import { inTransaction } from "#keys/store/database.ts";
import type { Caller } from "#keys/store/model.ts";
import { answers } from "#server/answers.ts";
import { STRANGER, auditWithinBudget } from "#server/audit-within-budget.ts";
import { checkedInput } from "#server/checked-input.ts";
import type { Answer } from "#server/handler.ts";
import type { KeySide } from "#server/key-side.ts";

/** A request as it came: who says that he asks, and for what. */
export type Asked = { readonly token: string | null; readonly input: unknown };

/**
 * Answers a request: finds out who asks, whether he may, whether the input has the route's shape and a second person approved it where
 * one must, does it, and sees to its entry in the audit log.
 *
 * @throws {LockstepError} IDENTITY_REJECTED: the token is nobody's, or there is none and one is needed; NOT_ALLOWED: the role may not;
 *   ARGUMENT_INVALID: the input; APPROVAL_NEEDED: it waits for a second person; RATE_LIMITED: too much was refused to people without
 *   a token; and what the handler throws
 */
export async function answer<Name extends RouteName>(
  side: KeySide,
  name: Name,
  { token, input }: Asked,
  signal: AbortSignal,
): Promise<ReplyOf<Name>> {
  const { store } = side;
  const route: Route = apiRoutes[name];
  const own = answers[name] as Answer<Name>;
  const { caller, rejected } = identified(side, name, token);
  refuseFlood(side, route, caller);
  let what: AuditedAct = { act: name, subject: "" };
  try {
    if (rejected !== null) throw rejected;
    const checked = checkedInput(route, input);
    const given = checked.data as InputOf<Name>;
    // So that a refusal, too, says of what.
    if (checked.success) what = { act: name, subject: own.subject(given) };
    refuseAsker(route, name, caller);
    if (!checked.success) throw invalidInput(name, checked.error);
    const handle = (as: Caller): Promise<ReplyOf<Name>> => handleAndAudit(side, route, own, as, what, given, signal);
    if (route.secondPerson !== true) return await handle(caller);
    own.before?.(side, given);
    return await withSecondPerson(side, caller, { ...what, input: given }, handle);
  } catch (error) {
    const failure = damageOr(store.db, `answering ${name}`, error);
    throw auditFailure(side, caller, what, failure);
  } finally {
    signHead(store);
  }
}

/**
 * Whose request this is: of the identity with this token, or of anybody where anybody may ask.
 *
 * @returns  the name under which requests are counted; null where they are nobody's
 */
export function heardAsker(side: KeySide, name: RouteName, token: string | null): string | null {
  const { askers }: Route = apiRoutes[name];
  const { caller, rejected } = identified(side, name, token);
  if (rejected !== null) return null;
  return caller.identity ?? (askers.includes("anybody") ? STRANGER : null);
}

/** Notes that a request was refused by the server, of whatever it was. @returns the failure; or why it could not be noted */
export function auditUnasked(side: KeySide, name: RouteName, token: string | null, failure: unknown): unknown {
  return auditFailure(side, identified(side, name, token).caller, { act: name, subject: "" }, failure);
}

/** Notes a failure in the audit log. @returns it; or why it could not be noted */
function auditFailure(side: KeySide, caller: Caller, what: AuditedAct, failure: unknown): unknown {
  try {
    auditWithinBudget(side, caller, what, failure);
    return failure;
  } catch (error) {
    return damageOr(side.store.db, `noting that ${what.act} failed`, error);
  }
}

/** Where the database takes no signed head now, what was done is done all the same: the next request tries again. */
function signHead(store: KeySide["store"]): void {
  try {
    signHeadWhenDue(store);
  } catch (error) {
    if (!isLockstepError(databaseError("signing the audit log", error))) throw error;
  }
}

function identified({ store }: KeySide, name: RouteName, token: string | null): ReturnType<typeof identify> {
  try {
    return identify(store, token);
  } catch (error) {
    throw databaseError(`answering ${name}`, error);
  }
}

function isAsker(askers: Route["askers"], { role }: Caller): boolean {
  if (askers.includes("anybody")) return true;
  return role !== "self" && role !== "nobody" && askers.includes(role);
}

/** Does what a request asks for; its entry in the audit log is written before the answer leaves. */
async function handleAndAudit<Name extends RouteName>(
  side: KeySide,
  { unaudited }: Route,
  { handle, audits }: Answer<Name>,
  caller: Caller,
  what: AuditedAct,
  input: InputOf<Name>,
  signal: AbortSignal,
): Promise<ReplyOf<Name>> {
  const reply = await handle(side, caller, input, signal);
  if (audits === true || unaudited === true) return reply;
  const { db, deps } = side.store;
  inTransaction(db, () => appendAudit(db, caller, what, "done", deps.now()));
  return reply;
}

/** Does an act by a second person's approval, which is used up by it unless the act is refused or fails. */
async function withSecondPerson<Reply>(
  { store }: KeySide,
  { identity, ...caller }: Caller,
  what: { readonly act: string; readonly subject: string; readonly input: unknown },
  handle: (as: Caller) => Promise<Reply>,
): Promise<Reply> {
  if (identity === null) throw new Error(`${what.act} needs a second person, and anybody may ask for it`);
  const approval = permit(store, { ...caller, identity }, what);
  try {
    return await handle({ ...caller, identity, approval: approval ?? "one custodian only" });
  } catch (error) {
    if (approval !== null) giveBack(store, approval);
    throw error;
  }
}

/** @throws {LockstepError} RATE_LIMITED */
function refuseFlood({ store, refusals }: KeySide, { unaudited }: Route, { identity }: Caller): void {
  if (identity !== null || unaudited === true) return;
  const nowMs = store.deps.now().epochMilliseconds;
  if (!refusals.isSpent(STRANGER, nowMs)) return;
  refusals.take(STRANGER, nowMs);
  throw new LockstepError("RATE_LIMITED", "too much was refused to people who said not who they are", {
    hint: "Wait a minute, or ask with a token.",
  });
}

/** @throws {LockstepError} IDENTITY_REJECTED, NOT_ALLOWED */
function refuseAsker({ askers }: Route, name: string, caller: Caller): void {
  if (isAsker(askers, caller)) return;
  const hint = `docs/key-roles.md says who may: ${askers.join(", ")}.`;
  if (caller.identity === null) {
    throw new LockstepError("IDENTITY_REJECTED", `${name}: who asks said not who he is, and must`, { hint });
  }
  throw new LockstepError("NOT_ALLOWED", `${name}: ${caller.name} (${caller.role}) may not`, { hint });
}

function invalidInput(name: string, error: { readonly issues: readonly { path: PropertyKey[]; message: string }[] }) {
  const problems = error.issues.slice(0, 5).map(({ path, message }) => `${path.join(".")}: ${message}`);
  return new LockstepError("ARGUMENT_INVALID", `${name}: ${problems.join("; ")}`);
}
