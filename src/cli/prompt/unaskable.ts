import type { App } from "#cli/app/app.ts";
import { LockstepError } from "#errors/errors.ts";

/** Refuses to begin what ends with a question, where there is nobody to be asked. @throws {LockstepError} ARGUMENT_INVALID */
export function refuseUnaskable({ host }: Pick<App, "host">, doing: string): void {
  if (host.stdinIsTerminal) return;
  throw new LockstepError(
    "ARGUMENT_INVALID",
    `${doing}: it ends when the kit's check words were typed, and there is no terminal`,
    {
      hint: "With --no-kit-check nobody is asked; `lockstep kit check` is to be run once the pages are printed.",
    },
  );
}
