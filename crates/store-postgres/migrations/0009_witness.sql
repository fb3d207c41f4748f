-- How far the signer's journal went when this lane last saw it.
ALTER TABLE lane
    ADD COLUMN witness_records BIGINT,
    ADD COLUMN witness_chain   TEXT,
    ADD COLUMN journal_trusted BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN probed          BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN proved          BIGINT NOT NULL DEFAULT 0,
    ADD CONSTRAINT witness_is_whole CHECK ((witness_chain IS NULL) = (witness_records IS NULL));
COMMENT ON COLUMN lane.witness_records IS
    'Records that the signer''s journal had when this lane last saw it. A journal that does not go on from there was set back (case F91).';
COMMENT ON COLUMN lane.witness_chain IS
    'The hash that chains those records.';
COMMENT ON COLUMN lane.journal_trusted IS
    'The epoch under which an admin last said which journal to go by.';
COMMENT ON COLUMN lane.probed IS
    'The epoch of the last lease under which something was in flight while the lane started slowly.';
COMMENT ON COLUMN lane.proved IS
    'The epoch of the last lease under which a slow start was over.';
