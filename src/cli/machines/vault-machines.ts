import type { App } from "#cli/app/app.ts";
import { isLockstepError } from "#errors/errors.ts";
import type { MachineDefinition } from "#vault/entry/machine-definition.ts";

/**
 * The machines of the vault that is configured, so that keys are named after them; none where no vault is configured, or it cannot be
 * opened here: who keeps keys need not be able to open vaults. The latter is warned of.
 *
 * @throws {LockstepError} CANCELLED
 */
export async function vaultMachines({ config, output, openVault }: App): Promise<readonly MachineDefinition[]> {
  if (config.vault.value === null) return [];
  try {
    const opened = await openVault();
    const { logs } = await opened.machines();
    return logs.map(({ fold }) => fold.machine);
  } catch (error) {
    if (!isLockstepError(error) || error.code === "CANCELLED") throw error;
    output.warn({
      code: "NAMED_BY_FILE",
      message: `disks are named after their files, since the vault was not opened: ${error.message}`,
    });
    return [];
  }
}
