import type { PolicyFacts } from "#api/access.ts";
import { formatTable } from "#cli/output/table.ts";

/** The key side's settings, for a person. */
export function policyLines(policy: PolicyFacts): readonly string[] {
  const rows = Object.entries(policy).map(([name, value]) => [name, String(value)]);
  return formatTable([{ title: "SETTING" }, { title: "VALUE", align: "right" }], rows);
}
