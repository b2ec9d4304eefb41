import type { App } from "#cli/app/app.ts";
import { isThere } from "#disk/is-there.ts";

/** False where there is neither a key store nor a socket of one, so that nothing of the key side need be loaded to find that out. */
export async function mayHaveKeySide({ config }: Pick<App, "config">): Promise<boolean> {
  for (const { value } of [config.keysFolder, config.keysSocket]) {
    try {
      if (await isThere(value)) return true;
    } catch {
      return true; // hidden from this user: asking says why
    }
  }
  return false;
}
