import type { IdentityFacts } from "#api/access.ts";
import { shellWord } from "#bytes/shell-word.ts";
import { dayOf } from "#cli/output/when.ts";

/** Whether an identity's token counts, in words. */
export function identityState({ expiresAt, revokedAt }: IdentityFacts, now: Temporal.Instant): string {
  if (revokedAt !== null) return `revoked ${dayOf(revokedAt)}`;
  if (expiresAt === null) return "";
  const hasExpired = Temporal.Instant.compare(Temporal.Instant.from(expiresAt), now) <= 0;
  return `${hasExpired ? "expired" : "expires"} ${dayOf(expiresAt)}`;
}

/** One identity, for a person. */
export function identityLines({ name, role, expiresAt }: IdentityFacts): readonly string[] {
  return [`${name} is ${role}${expiresAt === null ? "" : ` until ${dayOf(expiresAt)}`}.`];
}

/** What an identity does first with its token; a guest's programs send it themselves. */
const firstCommand: Readonly<Record<Exclude<IdentityFacts["role"], "machine">, readonly [line: string, what: string]>> =
  {
    custodian: ["lockstep approval list", "what waits for a second custodian"],
    auditor: ["lockstep audit list", "what was done, and by whom"],
    backup: ["lockstep status", "once a custodian ran `lockstep vault enrol --reporter` with its name"],
  };

/** What changes with it, which is easily missed. */
const oneCustodianMore: readonly string[] = [
  "From now on, what shows or destroys a value waits for the approval of another custodian: docs/key-side.md.",
  "The kit is stale, since the custodians changed: `lockstep kit create` makes a new one.",
];

/**
 * How somebody else than this host uses the token of a new identity.
 *
 * @param tokenFile  null: it was shown on the terminal
 * @param socket     at which the key side answers
 */
export function tokenUseLines(
  { name, role }: Pick<IdentityFacts, "name" | "role">,
  { tokenFile, socket }: { readonly tokenFile: string | null; readonly socket: string },
): readonly string[] {
  if (role === "machine") return ['Its programs send it as a bearer token: docs/key-side.md, "Asking".'];
  const [line, what] = firstCommand[role];
  const kept = `~/.local/state/lockstep/identities/${role}.token`;
  return [
    `How ${name} uses it, in an account, or with a state folder, of its own:`,
    tokenFile === null
      ? `  write it into     ${kept} (mode 0600)`
      : `  keep it by        install -D -m 600 ${shellWord(tokenFile)} ${kept}`,
    "                    root has it below /var/lib/lockstep; LOCKSTEP_STATE_DIR names another state folder",
    `  configure         keys.socket = ${JSON.stringify(socket)}`,
    "                    in ~/.config/lockstep/config.toml; LOCKSTEP_CONFIG names another file",
    `  then type         ${line}: ${what}`,
    "Who cannot reach the folder of that socket cannot ask: docs/key-side.md.",
    ...(role === "custodian" ? oneCustodianMore : []),
  ];
}
