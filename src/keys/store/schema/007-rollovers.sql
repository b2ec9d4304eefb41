-- Rollovers that were begun. Each step can be done again after a crash: docs/rollover.md.

CREATE TABLE rollovers (
  id TEXT PRIMARY KEY,
  -- What it was begun with: its version is the old one, and all protectors of its volume that this opens are replaced.
  old_binding TEXT NOT NULL REFERENCES bindings (id),
  new_version TEXT NOT NULL UNIQUE REFERENCES versions (id),
  executor TEXT NOT NULL CHECK (executor IN ('cryptsetup', 'steps')),
  -- The last step that is done.
  step TEXT NOT NULL CHECK (step IN ('made', 'copied', 'tried', 'removed', 'abandoned')),
  -- The keyslot that the new version is meant for, recorded before it is made; null: not chosen yet, or BitLocker, which has none.
  slot INTEGER,
  begun_by TEXT NOT NULL,
  begun_ms INTEGER NOT NULL,
  changed_ms INTEGER NOT NULL,
  -- When it was removed, or abandoned; null while it is under way.
  ended_ms INTEGER
) STRICT;
-- One at a time; the program sees to it that there is one for a version and volume.
CREATE UNIQUE INDEX rollovers_under_way ON rollovers (old_binding) WHERE ended_ms IS NULL;
