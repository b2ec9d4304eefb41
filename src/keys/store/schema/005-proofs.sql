-- What was shown of points: the latest statement on each encrypted volume of each.

CREATE TABLE proofs (
  vault TEXT NOT NULL,
  machine TEXT NOT NULL,
  point TEXT NOT NULL,
  disk TEXT NOT NULL,
  volume TEXT NOT NULL,
  verdict TEXT NOT NULL,
  -- The version that the verdict speaks of: it opened the volume, was rejected, or could not be used or afforded. Null: none is bound.
  version TEXT REFERENCES versions (id),
  proved_ms INTEGER NOT NULL,
  -- When a key was last derived for it, which is the date that is shown.
  derived_ms INTEGER,
  -- Null where the header could not be read.
  header_digest TEXT,
  -- Structures that were right, and that were looked at.
  structures_right INTEGER NOT NULL,
  structures_asked INTEGER NOT NULL,
  -- The statement as it was signed (JSON), and its signature.
  statement TEXT NOT NULL,
  signature BLOB NOT NULL,
  PRIMARY KEY (vault, machine, point, disk, volume)
) STRICT, WITHOUT ROWID;
CREATE INDEX proofs_by_volume ON proofs (vault, machine, disk, volume, derived_ms);

-- Volumes in which a file system was read, and when last. By their identity, which no backup side can choose for a volume that is bound.
CREATE TABLE read_volumes (
  volume_identity TEXT PRIMARY KEY,
  last_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A proof may come before the report of its point; it goes with the point.
CREATE TRIGGER proofs_go_with_their_point AFTER DELETE ON points BEGIN
  DELETE FROM proofs WHERE vault = OLD.vault AND machine = OLD.machine AND point = OLD.point;
END;
