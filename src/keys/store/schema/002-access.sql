-- Who may ask for what, acts that wait for a second person, the key side's settings, and what was done.

CREATE TABLE identities (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  role TEXT NOT NULL CHECK (role IN ('custodian', 'auditor', 'backup', 'machine')),
  created_ms INTEGER NOT NULL,
  expires_ms INTEGER,
  revoked_ms INTEGER,
  -- SHA-256 of the token, which has 256 random bits.
  token_hash BLOB NOT NULL UNIQUE
) STRICT;

CREATE TABLE approvals (
  id TEXT PRIMARY KEY,
  -- The very act: its name, its subject, all that it was asked with (canonical JSON), and the SHA-256 of them; docs/key-side.md.
  act TEXT NOT NULL,
  subject TEXT NOT NULL,
  request TEXT NOT NULL,
  request_hash BLOB NOT NULL,
  asked_by TEXT NOT NULL REFERENCES identities (id),
  asked_ms INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL,
  decided_by TEXT REFERENCES identities (id),
  decided_ms INTEGER,
  decision TEXT CHECK (decision IN ('approved', 'rejected')),
  -- When it was done; it is done once.
  used_ms INTEGER
) STRICT;
CREATE INDEX approvals_by_request ON approvals (request_hash, asked_by);

-- Settings that differ from their defaults.
CREATE TABLE policy (
  name TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT;

CREATE TABLE audit (
  seq INTEGER PRIMARY KEY,
  at_ms INTEGER NOT NULL,
  -- Name and role as they were then.
  who TEXT NOT NULL,
  role TEXT NOT NULL,
  act TEXT NOT NULL,
  subject TEXT NOT NULL,
  outcome TEXT NOT NULL CHECK (outcome IN ('done', 'refused', 'failed')),
  -- JSON object: what else is to be known; never a secret.
  detail TEXT NOT NULL,
  -- SHA-256, chained: docs/format/audit.md.
  hash BLOB NOT NULL
) STRICT;
CREATE TRIGGER audit_is_append_only_1 BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_is_append_only_2 BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

-- Heads of the audit log that were signed while the store was open.
CREATE TABLE audit_heads (
  seq INTEGER PRIMARY KEY REFERENCES audit (seq),
  -- Of the store, when it was signed.
  epoch INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  -- Ed25519, by the store's signing key; docs/format/audit.md.
  signature BLOB NOT NULL
) STRICT;
CREATE TRIGGER audit_heads_are_append_only_1 BEFORE UPDATE ON audit_heads BEGIN SELECT RAISE(ABORT, 'signed heads are append-only'); END;
CREATE TRIGGER audit_heads_are_append_only_2 BEFORE DELETE ON audit_heads BEGIN SELECT RAISE(ABORT, 'signed heads are append-only'); END;
