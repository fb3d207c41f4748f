-- The version of this row at which a block was known to hold one of its attempts. A row of any other version has none as far as is known,
-- and is looked at: a program of before, which does not write this column, changes the version.
ALTER TABLE lineage ADD COLUMN mined_version INTEGER;
UPDATE lineage SET mined_version = version
WHERE live = 1 AND EXISTS (SELECT 1 FROM attempt AS a WHERE a.lineage_id = lineage.id AND a.knowledge IN ('included', 'finalized'));

-- What a lane can do anything about, and what *why* counts: a few of all that are alive.
CREATE INDEX lineage_unmined ON lineage (lane, created_at, nonce, id) WHERE live = 1 AND mined_version IS NOT version;
