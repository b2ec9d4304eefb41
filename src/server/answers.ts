import type { RouteName } from "#api/routes.ts";
import { accessAnswers } from "#server/access.ts";
import { auditAnswers } from "#server/audit.ts";
import { bindingAnswers } from "#server/bindings.ts";
import { copiesAnswers } from "#server/copies.ts";
import type { Answers } from "#server/handler.ts";
import { keyAnswers } from "#server/keys.ts";
import { kitAnswers } from "#server/kit.ts";
import { needsAnswers } from "#server/needs.ts";
import { proofAnswers } from "#server/proofs.ts";
import { rolloverAnswers } from "#server/rollover.ts";
import { storeAnswers } from "#server/store.ts";

/** An answer for every route. */
export const answers: Answers<RouteName> = {
  ...storeAnswers,
  ...keyAnswers,
  ...bindingAnswers,
  ...needsAnswers,
  ...proofAnswers,
  ...rolloverAnswers,
  ...copiesAnswers,
  ...kitAnswers,
  ...accessAnswers,
  ...auditAnswers,
};
