import type { PlaceFacts } from "#api/copies.ts";
import { formatTable } from "#cli/output/table.ts";
import { formatBytes } from "#cli/output/units.ts";
import { dayOf } from "#cli/output/when.ts";

/** The places that copies go to, as a table. */
export function placeTable(places: readonly PlaceFacts[]): readonly string[] {
  if (places.length === 0) return ["Copies of the key store go nowhere: lockstep place add --help"];
  const columns = [
    { title: "PLACE" },
    { title: "DOMAIN" },
    { title: "NEWEST" },
    { title: "COPIES", align: "right" },
    { title: "SIZE", align: "right" },
    { title: "STATE" },
  ] as const;
  return formatTable(
    columns,
    places.map(({ place, domain, newest, copies, sizeBytes, ...state }) => [
      place,
      domain,
      newest === null ? "-" : `${newest.number}, ${dayOf(newest.writtenAt)}`,
      String(copies),
      formatBytes(sizeBytes),
      stateOf(state),
    ]),
  );
}

function stateOf({ complete, failure, keepsSince }: Pick<PlaceFacts, "complete" | "failure" | "keepsSince">): string {
  if (failure !== null) return `failed: ${failure}`;
  const state = complete ? "has all" : "does not have all yet";
  return keepsSince === null ? state : `${state}; keeps every copy for ever`;
}
