import { hex, utf8 } from "#bytes/text.ts";
import { sha256 } from "#crypto/derive.ts";
import { LockstepError } from "#errors/errors.ts";
import { countCustodians } from "#keys/access/identities.ts";
import type { KeyStore } from "#keys/key-store.ts";
import { canonicalJson } from "#keys/store/canonical-json.ts";
import { inTransaction } from "#keys/store/database.ts";
import type { Caller, IdentityId } from "#keys/store/model.ts";

/** How long an act may wait for a second person, and then for being done. */
const LIFETIME_MS = 24 * 60 * 60 * 1000;

/** A very act: approving one approves no other. Its input holds no secret, since it is stored and shown. */
export type RequestedAct = {
  /** The route's name. */
  readonly act: string;
  readonly subject: string;
  /** What was asked with, as the route's schema gives it. */
  readonly input: unknown;
};

export type ApprovalState = "waiting" | "approved" | "rejected" | "done" | "expired";

/** An act that needs a second person. */
export type Approval = {
  /** 16 random bytes as hex. */
  readonly id: string;
  readonly act: string;
  readonly subject: string;
  /** Canonical JSON of the input. */
  readonly request: string;
  readonly requestHash: Uint8Array;
  /** Names of identities. */
  readonly askedBy: string;
  readonly decidedBy: string | null;
  readonly askedMs: number;
  readonly expiresMs: number;
  readonly decidedMs: number | null;
  readonly state: ApprovalState;
};

/** SHA-256 over an act's name, subject and input: what an approval is bound to. */
function requestHash({ act, subject, input }: RequestedAct): Uint8Array {
  return sha256(utf8("lockstep v1 approval\n"), utf8(canonicalJson([act, subject, input])));
}

/**
 * Uses up the approval of this very act by this custodian; where there is none, the act starts to wait for one.
 *
 * An approval counts only while the custodian who gave it is one.
 *
 * @returns  the approval's id; null where there is no second custodian, so that none is needed
 * @throws {LockstepError} APPROVAL_NEEDED: it waits for another custodian; the message has the approval's id. NOT_ALLOWED: another
 *   custodian rejected it, and the day is not over
 */
export function permit(store: KeyStore, caller: Caller & { identity: IdentityId }, what: RequestedAct): string | null {
  if (countCustodians(store) < 2) return null;
  const found = newestOf(store, what, caller.identity);
  if (found?.state === "approved") {
    use(store, found.id);
    return found.id;
  }
  if (found?.state === "rejected" && found.decidedBy !== caller.name) {
    throw new LockstepError("NOT_ALLOWED", `${nameOf(what)}: ${found.decidedBy} rejected it`, {
      hint: `It can be asked for again from ${Temporal.Instant.fromEpochMilliseconds(found.expiresMs).toString()} on.`,
    });
  }
  const id = found?.state === "waiting" ? found.id : wait(store, what, caller.identity);
  throw new LockstepError("APPROVAL_NEEDED", `${nameOf(what)}: another custodian must approve it: approval ${id}`, {
    hint: `Who approves it types \`lockstep approval approve ${id}\`; then do the same again, within 24 hours of asking.`,
  });
}

/** Makes an approval count again whose act was refused or failed, so that nothing was done. */
export function giveBack({ db }: KeyStore, approval: string): void {
  inTransaction(db, () => db.prepare("UPDATE approvals SET used_ms = NULL WHERE id = ?").run(approval));
}

function nameOf({ act, subject }: RequestedAct): string {
  return `${act} ${subject}`;
}

/** The newest approval of an act by one custodian that is neither done nor expired; null when there is none. */
function newestOf(store: KeyStore, what: RequestedAct, asker: IdentityId): Approval | null {
  const row = store.db
    .prepare(
      `${SELECT} WHERE approvals.request_hash = ? AND approvals.asked_by = ? AND approvals.used_ms IS NULL
         AND approvals.expires_ms > ? ORDER BY approvals.asked_ms DESC LIMIT 1`,
    )
    .get(requestHash(what), asker, store.deps.now().epochMilliseconds);
  return row === undefined ? null : approvalOf(store, row);
}

function wait({ db, deps }: KeyStore, what: RequestedAct, asker: IdentityId): string {
  const id = hex(deps.random(16));
  const nowMs = deps.now().epochMilliseconds;
  const { act, subject, input } = what;
  inTransaction(db, () =>
    db
      .prepare(
        `INSERT INTO approvals (id, act, subject, request, request_hash, asked_by, asked_ms, expires_ms)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(id, act, subject, canonicalJson(input), requestHash(what), asker, nowMs, nowMs + LIFETIME_MS),
  );
  return id;
}

function use({ db, deps }: KeyStore, id: string): void {
  inTransaction(db, () =>
    db.prepare("UPDATE approvals SET used_ms = ? WHERE id = ?").run(deps.now().epochMilliseconds, id),
  );
}

/** All approvals, the newest first; also those that are done, rejected or expired. */
export function loadApprovals(store: KeyStore): readonly Approval[] {
  return store.db
    .prepare(`${SELECT} ORDER BY approvals.asked_ms DESC, approvals.id`)
    .all()
    .map((row) => approvalOf(store, row));
}

/** @param start  its id, or the start of it @throws {LockstepError} NAME_UNKNOWN, NAME_AMBIGUOUS */
export function findApproval(store: KeyStore, start: string): Approval {
  const [row, another] = store.db
    .prepare(`${SELECT} WHERE substr(approvals.id, 1, ?) = ? LIMIT 2`)
    .all(start.length, start);
  if (row === undefined || start === "") {
    throw new LockstepError("NAME_UNKNOWN", `there is no approval ${JSON.stringify(start)}`, {
      hint: "`lockstep approval list` shows all.",
    });
  }
  if (another === undefined) return approvalOf(store, row);
  throw new LockstepError("NAME_AMBIGUOUS", `several approvals start with ${start}`, { hint: "Write more of it." });
}

/**
 * Approves or rejects an act. To be called inside a transaction.
 *
 * @throws {LockstepError} NOT_ALLOWED: he asked for it himself; NAME_UNKNOWN: it does not wait any more
 */
export function decide(
  { db, deps }: KeyStore,
  { id, state, askedBy }: Approval,
  caller: Caller,
  decision: "approved" | "rejected",
): void {
  if (state !== "waiting")
    throw new LockstepError("NAME_UNKNOWN", `approval ${id} does not wait any more: it is ${state}`);
  // Who asked may take it back.
  if (askedBy === caller.name && decision === "approved") {
    throw new LockstepError("NOT_ALLOWED", `approving ${id}: ${caller.name} asked for it himself`, {
      hint: "Another custodian must approve it.",
    });
  }
  db.prepare("UPDATE approvals SET decided_by = ?, decided_ms = ?, decision = ? WHERE id = ?").run(
    caller.identity,
    deps.now().epochMilliseconds,
    decision,
    id,
  );
}

const SELECT = `SELECT approvals.*, asker.name AS asker_name, decider.name AS decider_name,
    decider.revoked_ms AS decider_revoked_ms, decider.expires_ms AS decider_expires_ms
  FROM approvals JOIN identities AS asker ON asker.id = approvals.asked_by
  LEFT JOIN identities AS decider ON decider.id = approvals.decided_by`;

function approvalOf(store: KeyStore, row: Readonly<Record<string, unknown>>): Approval {
  const decidedMs = row["decided_ms"] === null ? null : Number(row["decided_ms"]);
  return {
    id: String(row["id"]),
    act: String(row["act"]),
    subject: String(row["subject"]),
    request: String(row["request"]),
    requestHash: row["request_hash"] as Uint8Array,
    askedBy: String(row["asker_name"]),
    decidedBy: row["decider_name"] as string | null,
    askedMs: Number(row["asked_ms"]),
    expiresMs: Number(row["expires_ms"]),
    decidedMs,
    state: stateOf(row, store.deps.now().epochMilliseconds),
  };
}

function stateOf(row: Readonly<Record<string, unknown>>, nowMs: number): ApprovalState {
  if (row["used_ms"] !== null) return "done";
  if (Number(row["expires_ms"]) <= nowMs) return "expired";
  if (row["decision"] === "rejected") return "rejected";
  // An approval by somebody who is a custodian no longer is none.
  const { decision, decider_revoked_ms: revokedMs, decider_expires_ms: expiresMs } = row;
  const isCustodian = revokedMs === null && (expiresMs === null || Number(expiresMs) > nowMs);
  return decision === "approved" && isCustodian ? "approved" : "waiting";
}
