-- What reports had last, so that one that comes again is known by it.

-- SHA-256 (hex) over a machine's name and points as they were last reported; empty: nothing is known of it.
ALTER TABLE machines ADD COLUMN report_digest TEXT NOT NULL DEFAULT '';
CREATE INDEX points_missing ON points (vault, machine, missing_day) WHERE missing_day IS NOT NULL;

-- When a version's value was found damaged, so that no copy since then has it; null: it was not, or somebody put it right.
ALTER TABLE versions ADD COLUMN damaged_ms INTEGER;
