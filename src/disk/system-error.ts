/** The name of a failed system call's error, such as `ENOENT`; null for anything else that was thrown. */
export function systemErrorName(error: unknown): string | null {
  const isSystem = error instanceof Error && "errno" in error && "code" in error;
  return isSystem && typeof error.code === "string" ? error.code : null;
}
