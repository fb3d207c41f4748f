-- How far the signer's journal went when this lane last saw it: so many records, and the hash that chains them. A journal that does not
-- go on from there was set back (case F91).
ALTER TABLE lane ADD COLUMN witness_records INTEGER;
ALTER TABLE lane ADD COLUMN witness_chain TEXT
    CONSTRAINT witness_is_whole CHECK ((witness_chain IS NULL) = (witness_records IS NULL));

-- The epoch under which an admin last said which journal to go by.
ALTER TABLE lane ADD COLUMN journal_trusted INTEGER NOT NULL DEFAULT 0;

-- The epochs under which a slow start had something in flight, and was over.
ALTER TABLE lane ADD COLUMN probed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE lane ADD COLUMN proved INTEGER NOT NULL DEFAULT 0;
