import type { z } from "zod";

import { accessRoutes } from "#api/access.ts";
import { auditRoutes } from "#api/audit.ts";
import { bindingRoutes } from "#api/bindings.ts";
import { copiesRoutes } from "#api/copies.ts";
import { keyRoutes } from "#api/keys.ts";
import { kitRoutes } from "#api/kit.ts";
import { needsRoutes } from "#api/needs.ts";
import { proofRoutes } from "#api/proofs.ts";
import { rolloverRoutes } from "#api/rollover.ts";
import { storeRoutes } from "#api/store.ts";

/** Everything that the key side can be asked for. */
export const apiRoutes = {
  ...storeRoutes,
  ...keyRoutes,
  ...bindingRoutes,
  ...needsRoutes,
  ...proofRoutes,
  ...rolloverRoutes,
  ...copiesRoutes,
  ...kitRoutes,
  ...accessRoutes,
  ...auditRoutes,
};

export type ApiRoutes = typeof apiRoutes;
export type RouteName = keyof ApiRoutes;
/** What a route gets. */
export type InputOf<Name extends RouteName> = z.input<ApiRoutes[Name]["input"]>;
/** What a route answers. */
export type ReplyOf<Name extends RouteName> = z.output<ApiRoutes[Name]["reply"]>;
