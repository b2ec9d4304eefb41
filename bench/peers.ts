import type { Workspace } from "./workspace.ts";

/** What restic and borg need in their environment to work in the workspace and nowhere else. */
export function peers(space: Workspace): {
  readonly restic: Readonly<Record<string, string>>;
  readonly borg: Readonly<Record<string, string>>;
} {
  return {
    restic: {
      RESTIC_REPOSITORY: space.path("restic"),
      RESTIC_PASSWORD: "bench",
      RESTIC_CACHE_DIR: space.path("restic-cache"),
    },
    borg: { BORG_REPO: space.path("borg"), BORG_PASSPHRASE: "bench", BORG_BASE_DIR: space.path("borg-base") },
  };
}
