import { readFile } from "node:fs/promises";

import { LockstepError } from "#errors/errors.ts";
import { layout, unitNames } from "#ops/setup/setup-layout.ts";
import type { UnitName } from "#ops/setup/setup-layout.ts";

/** What units of one host depend on. */
export type UnitFacts = {
  /** The command line of Lockstep, absolute. */
  readonly program: string;
  /** The vault's folder; null: none is configured. */
  readonly vault: string | null;
  /** Further folders that copies of the key store go to. */
  readonly places: readonly string[];
  /** A credential opens the key store that systemd has to hand to the service. */
  readonly hasCredential: boolean;
};

/** Reads the templates in `system/`. */
export async function readUnitTemplates(): Promise<ReadonlyMap<UnitName, string>> {
  const read = unitNames.map(async (name) => {
    const text = await readFile(new URL(`../../../system/${name}`, import.meta.url), "utf8");
    return [name, text] as const;
  });
  return new Map(await Promise.all(read));
}

/**
 * Fills the template of a unit: `@name@` stands for a fact.
 *
 * @throws {LockstepError} ARGUMENT_INVALID: a path has characters that a unit cannot name without quoting
 * @see systemd.unit(5), systemd.exec(5)
 */
export function unitText(template: string, { program, vault, places, hasCredential }: UnitFacts): string {
  const folders = [...new Set([vault, ...places])].filter((folder) => folder !== null);
  const credential = `LoadCredentialEncrypted=lockstep-key-store:${layout.keysHome}/lockstep-key-store.cred`;
  const values: Readonly<Record<string, string>> = {
    ...layout,
    program: pathInUnit(program),
    // A minus: it need not be there.
    vault: vault === null ? "" : `-${pathInUnit(vault)}`,
    places: folders.map((folder) => `-${pathInUnit(folder)}`).join(" "),
    credential: hasCredential ? credential : "# No credential of this host opens the key store.",
  };
  const filled = template.replaceAll(/@([a-z]+)@/gi, (whole, name: string) => values[name] ?? whole);
  return filled.replaceAll(/ +$/gm, "");
}

/** Blanks, quotes, `%`, `$` and `\` would need quoting, each setting in its own way; the rest is taken as it is. */
function pathInUnit(path: string): string {
  if (/^\/[\w./+@:,=~-]*$/.test(path)) return path;
  throw new LockstepError(
    "ARGUMENT_INVALID",
    `writing the units: the path ${JSON.stringify(path)} cannot stand in one`,
    {
      hint: "Use a path of letters, digits and . _ + @ : , = ~ - alone, such as a symbolic link.",
    },
  );
}
