import type { InputOf, ReplyOf, RouteName } from "#api/routes.ts";
import type { Caller } from "#keys/store/model.ts";
import type { KeySide } from "#server/key-side.ts";

/**
 * Answers a route. Whoever asks was let through by the route's table of askers; the input has the route's shape.
 *
 * A change goes through `act`, which leaves the audit entry of what was done. What is thrown is audited for it, wherever it is thrown.
 */
export type Handler<Name extends RouteName> = (
  side: KeySide,
  caller: Caller,
  input: InputOf<Name>,
  signal: AbortSignal,
) => Promise<ReplyOf<Name>> | ReplyOf<Name>;

/** A handler, and the subject of its input for the audit log: `web01/v1`. */
export type Answer<Name extends RouteName> = {
  readonly handle: Handler<Name>;
  readonly subject: (input: InputOf<Name>) => string;
  /**
   * For a route that needs a second person: throws what can be told before anybody is asked, so that nobody approves what is refused
   * anyhow.
   */
  readonly before?: (side: KeySide, input: InputOf<Name>) => void;
  /** Set where `handle` writes its own audit entry by `act`; else one is written for each answer. */
  readonly audits?: true;
};

/** Handlers of a group of routes. */
export type Answers<Names extends RouteName> = { readonly [Name in Names]: Answer<Name> };
