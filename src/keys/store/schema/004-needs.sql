-- What the vaults say that they hold, which is what needs versions. No clock frees anything: what waits, waits for counted days.

CREATE TABLE vaults (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  root_commitment BLOB NOT NULL,
  -- The backup identity that reports for it.
  reporter TEXT NOT NULL REFERENCES identities (id),
  enrolled_ms INTEGER NOT NULL,
  last_report_ms INTEGER,
  -- At its last report, or where there is none, when it was enrolled: how many days were counted for the key side.
  heard_day INTEGER NOT NULL,
  -- The newest epoch in which a report came for each machine that is known of it; that of its enrolment, where it never reported.
  heard_epoch INTEGER NOT NULL,
  retired_ms INTEGER,
  -- How many days were counted for the key side when it was retired.
  retired_day INTEGER
) STRICT;

CREATE TABLE machines (
  vault TEXT NOT NULL REFERENCES vaults (id),
  machine TEXT NOT NULL,
  name TEXT NOT NULL,
  last_report_ms INTEGER NOT NULL,
  -- The store's epoch then.
  heard_epoch INTEGER NOT NULL,
  -- Days that are counted for it, and the number of its vault's day that was counted last.
  days INTEGER NOT NULL,
  newest_vault_day INTEGER NOT NULL,
  PRIMARY KEY (vault, machine)
) STRICT, WITHOUT ROWID;

-- A point that needs its versions. In the columns below, a day is what the machine had of `days` then.
CREATE TABLE points (
  vault TEXT NOT NULL,
  machine TEXT NOT NULL,
  point TEXT NOT NULL,
  -- As the backup side names it to people: web01@2026-11-23T14:05.
  name TEXT NOT NULL,
  captured_ms INTEGER NOT NULL,
  -- A forecast; it frees nothing. Null: kept until somebody deletes it.
  expected_until_ms INTEGER,
  -- A forecast that is nearer than the one above, and the day since which it waits to take its place; null where there is none.
  nearer_until_ms INTEGER,
  nearer_day INTEGER,
  -- The day on which a report first came without it; null while reports have it.
  missing_day INTEGER,
  -- SHA-256 (hex) over its volumes as they were last reported.
  volumes_digest TEXT NOT NULL,
  PRIMARY KEY (vault, machine, point),
  FOREIGN KEY (vault, machine) REFERENCES machines (vault, machine)
) STRICT, WITHOUT ROWID;

-- An encryption header, once for all points that have the same.
CREATE TABLE headers (
  id INTEGER PRIMARY KEY,
  -- SHA-256 (hex) over the next three columns and its protectors.
  content TEXT NOT NULL UNIQUE,
  volume_identity TEXT NOT NULL,
  header_digest TEXT NOT NULL,
  volume_format TEXT NOT NULL CHECK (volume_format IN ('luks1', 'luks2', 'bitlocker')),
  -- Whether a version that was not destroyed is bound to one of its protectors. The triggers below keep it so.
  opened INTEGER NOT NULL CHECK (opened IN (0, 1))
) STRICT;
CREATE INDEX headers_not_opened ON headers (volume_format) WHERE opened = 0;

CREATE TABLE header_protectors (
  volume_identity TEXT NOT NULL,
  protector TEXT NOT NULL,
  header INTEGER NOT NULL REFERENCES headers (id) ON DELETE CASCADE,
  PRIMARY KEY (volume_identity, protector, header)
) STRICT, WITHOUT ROWID;
CREATE INDEX header_protectors_by_header ON header_protectors (header);

-- An encrypted volume of a point, with each header that was reported for it.
CREATE TABLE point_volumes (
  vault TEXT NOT NULL,
  machine TEXT NOT NULL,
  point TEXT NOT NULL,
  disk TEXT NOT NULL,
  volume TEXT NOT NULL,
  header INTEGER NOT NULL REFERENCES headers (id),
  -- The day on which a report first had the point without this; null while reports have it.
  missing_day INTEGER,
  PRIMARY KEY (vault, machine, point, disk, volume, header),
  FOREIGN KEY (vault, machine, point) REFERENCES points (vault, machine, point) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX point_volumes_by_header ON point_volumes (header);
CREATE INDEX point_volumes_missing ON point_volumes (vault, machine, missing_day) WHERE missing_day IS NOT NULL;

CREATE TRIGGER header_goes_with_its_last_volume AFTER DELETE ON point_volumes BEGIN
  DELETE FROM headers
    WHERE id = old.header AND NOT EXISTS (SELECT 1 FROM point_volumes WHERE point_volumes.header = old.header);
END;

-- Versions that are bound to a header's protectors, destroyed ones not among them.
CREATE VIEW openers AS
  SELECT header_protectors.header, bindings.version
  FROM header_protectors
  JOIN bindings USING (volume_identity, protector)
  JOIN versions ON versions.id = bindings.version
  WHERE versions.destroyed_ms IS NULL;

CREATE TRIGGER header_is_opened_1 AFTER INSERT ON header_protectors BEGIN
  UPDATE headers SET opened = EXISTS (SELECT 1 FROM openers WHERE openers.header = new.header) WHERE id = new.header;
END;
CREATE TRIGGER header_is_opened_2 AFTER INSERT ON bindings BEGIN
  UPDATE headers SET opened = EXISTS (SELECT 1 FROM openers WHERE openers.header = headers.id)
    WHERE id IN (
      SELECT header FROM header_protectors
      WHERE volume_identity = new.volume_identity AND protector = new.protector
    );
END;
CREATE TRIGGER header_is_opened_3 AFTER DELETE ON bindings BEGIN
  UPDATE headers SET opened = EXISTS (SELECT 1 FROM openers WHERE openers.header = headers.id)
    WHERE id IN (
      SELECT header FROM header_protectors
      WHERE volume_identity = old.volume_identity AND protector = old.protector
    );
END;
CREATE TRIGGER header_is_opened_4 AFTER UPDATE OF destroyed_ms ON versions BEGIN
  UPDATE headers SET opened = EXISTS (SELECT 1 FROM openers WHERE openers.header = headers.id)
    WHERE id IN (
      SELECT header FROM header_protectors JOIN bindings USING (volume_identity, protector)
      WHERE bindings.version = new.id
    );
END;

-- Days that count, each once: those on which the key side ran (`vault` is empty), and on which a vault reported.
CREATE TABLE days (
  vault TEXT NOT NULL,
  -- Since 1970, in UTC, by the clock as it was.
  day INTEGER NOT NULL,
  -- From 1, in the order in which they came.
  number INTEGER NOT NULL,
  PRIMARY KEY (vault, day),
  UNIQUE (vault, number)
) STRICT, WITHOUT ROWID;

-- How many days were counted for the key side when a version was retired.
CREATE TABLE retirements (
  version TEXT PRIMARY KEY REFERENCES versions (id),
  day INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TRIGGER retirement_is_counted AFTER UPDATE OF retired_ms ON versions
WHEN new.retired_ms IS NOT NULL AND new.retired_ms IS NOT old.retired_ms BEGIN
  INSERT OR REPLACE INTO retirements
    VALUES (new.id, (SELECT coalesce(max(number), 0) FROM days WHERE vault = ''));
END;

-- That a version was tried on a protector of a volume, and did not open it.
CREATE TABLE tries (
  version TEXT NOT NULL REFERENCES versions (id),
  volume_identity TEXT NOT NULL,
  protector TEXT NOT NULL,
  PRIMARY KEY (version, volume_identity, protector)
) STRICT, WITHOUT ROWID;

-- Needs that somebody entered: for tapes and other copies.
CREATE TABLE holds (
  id TEXT PRIMARY KEY,
  version TEXT NOT NULL REFERENCES versions (id),
  why TEXT NOT NULL,
  held_by TEXT NOT NULL,
  held_ms INTEGER NOT NULL,
  -- A forecast; only a release ends it.
  expected_until_ms INTEGER,
  released_ms INTEGER
) STRICT;
CREATE INDEX holds_by_version ON holds (version);

-- That many points of a machine fell out of its reports at once.
CREATE TABLE alarms (
  id TEXT PRIMARY KEY,
  vault TEXT NOT NULL,
  machine TEXT NOT NULL,
  raised_ms INTEGER NOT NULL,
  -- How many were missing, and how many there had been.
  missing INTEGER NOT NULL,
  points INTEGER NOT NULL,
  acknowledged_ms INTEGER,
  acknowledged_by TEXT,
  FOREIGN KEY (vault, machine) REFERENCES machines (vault, machine)
) STRICT;
CREATE UNIQUE INDEX alarms_open ON alarms (vault, machine) WHERE acknowledged_ms IS NULL;
