import type { Asker, Route } from "#api/route.ts";
import { apiRoutes } from "#api/routes.ts";
import type { KeyClient } from "#client/key-client.ts";

/** A client, and the role in which it asks. */
export type RoleClient = { readonly role: Asker; readonly client: KeyClient };

/** Asks for each route as the first of several identities that may; as the first of all where none may. */
export function firstAllowed(clients: readonly [RoleClient, ...RoleClient[]]): KeyClient {
  return {
    call: (name, input, signal) => {
      const { askers }: Route = apiRoutes[name];
      const { client } = clients.find(({ role }) => askers.includes(role)) ?? clients[0];
      return client.call(name, input, signal);
    },
  };
}
