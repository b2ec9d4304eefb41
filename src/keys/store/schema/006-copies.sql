-- Where copies of the store go, and which there are; the kit.

CREATE TABLE places (
  id TEXT PRIMARY KEY,
  -- A folder or URL, as it is opened; and the failure domain that it is in, by a custodian's word.
  place TEXT NOT NULL UNIQUE,
  domain TEXT NOT NULL,
  added_ms INTEGER NOT NULL,
  removed_ms INTEGER
) STRICT;

-- How the last attempt at a place went.
CREATE TABLE place_states (
  place TEXT PRIMARY KEY REFERENCES places (id),
  tried_ms INTEGER NOT NULL,
  -- Why it failed, in words; null where it did not.
  failure TEXT,
  -- When it refused to delete a copy that was past its term; null where it never did, or has since done so.
  keeps_ms INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE copies (
  -- Of the store, when it wrote this; numbers count from 1 in each.
  epoch INTEGER NOT NULL,
  number INTEGER NOT NULL,
  place TEXT NOT NULL REFERENCES places (id),
  -- Null for what a recovery found in a place and had no need to read.
  kind TEXT CHECK (kind IN ('full', 'increment')),
  sha256 BLOB,
  size_bytes INTEGER NOT NULL,
  -- When it was written; for what a recovery found, when that was.
  written_ms INTEGER NOT NULL,
  -- When it was read back and found right; null until then.
  verified_ms INTEGER,
  deleted_ms INTEGER,
  -- The newest change and audit entry that it has.
  upto INTEGER NOT NULL,
  audit_upto INTEGER NOT NULL,
  -- The schema of its rows.
  schema INTEGER NOT NULL,
  -- How many versions had been destroyed by then.
  destroyed INTEGER NOT NULL,
  -- The kit that opens it.
  kit TEXT REFERENCES kits (id),
  PRIMARY KEY (epoch, number, place)
) STRICT, WITHOUT ROWID;

CREATE TABLE kits (
  -- 8 hex digits: the set of shares.
  id TEXT PRIMARY KEY,
  created_ms INTEGER NOT NULL,
  threshold INTEGER NOT NULL,
  -- JSON: the names of the custodians who have one, and the ids of the custodian identities that there were.
  custodians TEXT NOT NULL,
  identities TEXT NOT NULL,
  -- The age recipient of the copies (age1…).
  recipient TEXT NOT NULL,
  -- JSON: ids of the vaults that it opens.
  vaults TEXT NOT NULL,
  -- When its shares were last seen to open a copy and a vault; null: never.
  checked_ms INTEGER,
  replaced_ms INTEGER
) STRICT;
CREATE UNIQUE INDEX kit_in_use ON kits (replaced_ms IS NULL) WHERE replaced_ms IS NULL;

-- Rows that were added, changed or removed since the newest copy: src/keys/store/changes.ts.
CREATE TABLE changes (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  table_name TEXT NOT NULL,
  -- JSON array of the columns of its primary key.
  row_key TEXT NOT NULL,
  -- Whether a copy is to be written for it at once.
  urgent INTEGER NOT NULL CHECK (urgent IN (0, 1))
) STRICT;
CREATE INDEX changes_urgent ON changes (seq) WHERE urgent = 1;
