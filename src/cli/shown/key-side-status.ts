import type { ReplyOf } from "#api/routes.ts";
import type { App } from "#cli/app/app.ts";
import { mayHaveKeySide } from "#cli/files/may-have-key-side.ts";
import { LockstepError } from "#errors/errors.ts";
import { whatThaws } from "#policy/frozen.ts";

/** How the key side is, as `status` says it. */
export type KeySideStatus = {
  /** "none": there is no key store. "unreachable": it could not be asked, and `why` says why. */
  readonly state: "none" | "open" | "sealed" | "unreachable";
  readonly why: string | null;
  /** What it says; null where it could not be asked. */
  readonly facts: KeySideFacts | null;
};

type KeySideFacts = {
  readonly store: ReplyOf<"store.show">;
  readonly copies: ReplyOf<"copy.list">;
  readonly kit: ReplyOf<"kit.show">["kit"];
  readonly alarms: ReplyOf<"alarm.list">["alarms"];
};

/** So many failure domains should have all of the key store. */
const DOMAINS_WANTED = 2;

/**
 * Asks the key side how it is.
 *
 * @param isKnown  a log has a receipt of a key store: one that is not there is lost then
 * @throws {LockstepError} CANCELLED
 */
export async function keySideStatus(app: App, isKnown: boolean): Promise<KeySideStatus> {
  if (!isKnown && !(await mayHaveKeySide(app))) return { state: "none", why: null, facts: null };
  try {
    const client = await app.keySide("backup");
    const store = await client.call("store.show", {}, app.signal);
    const copies = await client.call("copy.list", {}, app.signal);
    const { kit } = await client.call("kit.show", {}, app.signal);
    const { alarms } = await client.call("alarm.list", {}, app.signal);
    return { state: store.sealed ? "sealed" : "open", why: null, facts: { store, copies, kit, alarms } };
  } catch (error) {
    if (app.signal.aborted || !(error instanceof LockstepError)) throw error;
    if (error.code !== "KEY_STORE_MISSING") return { state: "unreachable", why: error.message, facts: null };
    if (!isKnown) return { state: "none", why: null, facts: null };
    const why = `${error.message}, and the vault's logs know one: \`lockstep recover\` brings it back with the kit where it is lost`;
    return { state: "unreachable", why, facts: null };
  }
}

/** What of the key side needs a person, in words. */
export function keySideNeeds({ state, why, facts }: KeySideStatus): string[] {
  if (facts === null) return state === "unreachable" ? [`the key side cannot be asked: ${why ?? "no answer"}`] : [];
  const { store, copies, kit, alarms } = facts;
  const needs: string[] = [];
  if (store.sealed) needs.push("the key store is sealed, so no point can be opened: `lockstep keystore unseal`");
  if (store.frozen !== null) needs.push(`the key store is frozen: ${store.frozen}. ${whatThaws(store.frozen)}`);
  if (copies.domains < DOMAINS_WANTED) {
    needs.push(
      `${copies.domains} of ${DOMAINS_WANTED} places that do not fail together have a full copy of the key store: \`lockstep place add FOLDER --domain NAME\`, somewhere else`,
    );
  }
  for (const { place, failure } of copies.places) {
    if (failure !== null)
      needs.push(`the key store's copy in ${place}: ${failure}; \`lockstep copy make\` tries again`);
  }
  for (const version of copies.damaged) {
    needs.push(
      `the value of ${version} is damaged, and newer copies lack it: \`lockstep key heal ${version}\`, by the same value from elsewhere; old copies are kept meanwhile`,
    );
  }
  if (kit === null) needs.push("there is no kit that brings the key store back: `lockstep kit create`");
  else if (kit.stale !== null) needs.push(`the kit is stale: ${kit.stale}`);
  for (const alarm of alarms)
    needs.push(
      `${alarm.missing} of ${alarm.points} points of ${alarm.machineName} fell out of its reports, or are to go much sooner: \`lockstep alarm list\``,
    );
  return needs;
}
