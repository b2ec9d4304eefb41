-- The store itself, what opens it, and its keys. Instants are milliseconds since 1970-01-01T00:00Z.

CREATE TABLE store (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  id TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  -- Counts recoveries, from 1; the claim is the random name under which this epoch was claimed.
  epoch INTEGER NOT NULL,
  epoch_claim TEXT NOT NULL,
  -- Why releases and destruction are frozen, in words; null when they are not.
  frozen TEXT,
  -- Which root key it has, from 1: it has one at a time.
  root_number INTEGER NOT NULL,
  -- Ed25519; the private half is wrapped by the current wrapping key.
  signing_public BLOB NOT NULL
) STRICT;

-- Ways in which the store opens after a restart. Each has an X25519 key pair; the root key is sealed to its public half.
CREATE TABLE seals (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('passphrase', 'key-file', 'host-credential')),
  label TEXT NOT NULL UNIQUE,
  created_ms INTEGER NOT NULL,
  public_key BLOB NOT NULL,
  -- What gives the private half: JSON, by kind; docs/format/key-store.md.
  parameters TEXT NOT NULL,
  sealed_root BLOB NOT NULL
) STRICT;

-- Each wrapped by the root key. One is not retired: it wraps what is new.
CREATE TABLE wrapping_keys (
  number INTEGER PRIMARY KEY,
  created_ms INTEGER NOT NULL,
  retired_ms INTEGER,
  wrapped BLOB NOT NULL
) STRICT;

-- Secrets of the store's own, wrapped like versions: the signing key.
CREATE TABLE own_secrets (
  name TEXT PRIMARY KEY,
  wrapping INTEGER NOT NULL REFERENCES wrapping_keys (number),
  value BLOB NOT NULL
) STRICT;

CREATE TABLE keys (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  created_ms INTEGER NOT NULL,
  -- JSON object of texts.
  tags TEXT NOT NULL
) STRICT;

CREATE TABLE versions (
  id TEXT PRIMARY KEY,
  key TEXT NOT NULL REFERENCES keys (id),
  -- From 1, never used again: `web01/v1`.
  number INTEGER NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('passphrase', 'key-file', 'recovery-password', 'startup-key')),
  origin TEXT NOT NULL CHECK (origin IN ('generated', 'given')),
  note TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
  activates_ms INTEGER,
  expires_ms INTEGER,
  -- When another version took its place.
  retired_ms INTEGER,
  -- Said to be known to others: by whom, and why.
  compromised_ms INTEGER,
  compromised_why TEXT,
  -- Soft delete: it can be brought back until it is purged.
  deleted_ms INTEGER,
  destroyed_ms INTEGER,
  wrapping INTEGER REFERENCES wrapping_keys (number),
  -- Null once destroyed.
  value BLOB,
  UNIQUE (key, number)
) STRICT;
CREATE INDEX versions_by_wrapping ON versions (wrapping);
CREATE INDEX versions_current ON versions (key) WHERE retired_ms IS NULL AND destroyed_ms IS NULL;

-- What was signed when a version's value was destroyed: JSON, docs/format/certificates.md.
CREATE TABLE certificates (
  version TEXT PRIMARY KEY REFERENCES versions (id),
  signed TEXT NOT NULL,
  signature BLOB NOT NULL
) STRICT, WITHOUT ROWID;
