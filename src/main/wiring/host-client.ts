import type { HostRole } from "#cli/app/app.ts";
import type { Config } from "#cli/app/settings.ts";
import { firstAllowed } from "#client/first-allowed.ts";
import type { RoleClient } from "#client/first-allowed.ts";
import { keyClient } from "#client/key-client.ts";
import type { KeyClient } from "#client/key-client.ts";
import type { Environment } from "#main/config/environment.ts";
import { startingClient } from "#main/wiring/start-key-side.ts";
import { readToken } from "#main/wiring/tokens.ts";

/** Who a person of this host may be to the key side, besides what he is asked as: reads are for auditors too. */
const alsoAs: Readonly<Record<HostRole, readonly HostRole[]>> = {
  custodian: ["custodian", "auditor"],
  auditor: ["auditor"],
  backup: ["backup"],
};

/** Asks the key side with this host's tokens: see `App.keySide`. */
export async function hostClient(as: HostRole, config: Config, environment: Environment): Promise<KeyClient> {
  const clients: RoleClient[] = [];
  for (const role of alsoAs[as]) {
    const token = await readToken(config.state.value, role);
    if (token !== null) clients.push({ role, client: keyClient(config.keysSocket.value, token) });
  }
  const [first = { role: as, client: keyClient(config.keysSocket.value, null) }, ...others] = clients;
  return startingClient(firstAllowed([first, ...others]), config, environment);
}
