-- Which version opens which protector of which volume, as somebody saw it open.

CREATE TABLE bindings (
  id TEXT PRIMARY KEY,
  version TEXT NOT NULL REFERENCES versions (id),
  -- docs/format/identities.md; 64 hex digits.
  protector TEXT NOT NULL,
  volume_identity TEXT NOT NULL,
  -- What people see: keyslot or GUID, kind; the volume's UUID; LUKS or BitLocker.
  protector_id TEXT NOT NULL,
  protector_kind TEXT NOT NULL,
  volume_format TEXT NOT NULL,
  volume_uuid TEXT,
  -- Whose volume it is, by a custodian's word; null where nobody said.
  machine TEXT,
  disk TEXT,
  volume TEXT,
  -- Read from a live header, from a list together with one, or from a point after a custodian compared what he was shown.
  source TEXT NOT NULL CHECK (source IN ('live', 'import', 'point')),
  bound_by TEXT NOT NULL,
  bound_ms INTEGER NOT NULL,
  -- When the protector was found gone from the live volume, or replaced by a rollover.
  retired_ms INTEGER,
  UNIQUE (version, protector, volume_identity)
) STRICT;
CREATE INDEX bindings_by_volume ON bindings (volume_identity, protector);
CREATE INDEX bindings_by_uuid ON bindings (volume_uuid);
CREATE INDEX bindings_by_place ON bindings (machine, disk, volume);

-- Headers of points that custodians had tried lately, each of them a guess: docs/binding.md.
CREATE TABLE point_guesses (
  number INTEGER PRIMARY KEY,
  custodian TEXT NOT NULL,
  at_ms INTEGER NOT NULL
) STRICT;
