-- What the rows of a table add up to, so that one that was changed from without is noticed: docs/format/key-store.md.

CREATE TABLE row_sums (
  table_name TEXT PRIMARY KEY,
  row_count INTEGER NOT NULL,
  -- The SHA-256 of each of its rows, joined by exclusive-or: 64 hexadecimal digits.
  sum TEXT NOT NULL
) STRICT, WITHOUT ROWID;
