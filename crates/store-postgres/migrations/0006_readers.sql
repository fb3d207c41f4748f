-- A user-scoped connection reads its own rows and no others: it takes the role adit_reader and sets adit.user_id.
--
-- The engine connects as the owner of these tables, who is not bound by the policies: FORCE is left off on purpose.
ALTER TABLE withdrawal  ENABLE ROW LEVEL SECURITY;
ALTER TABLE account     ENABLE ROW LEVEL SECURITY;
ALTER TABLE event       ENABLE ROW LEVEL SECURITY;
ALTER TABLE limit_entry ENABLE ROW LEVEL SECURITY;

CREATE POLICY own_rows ON withdrawal  FOR SELECT USING (user_id = current_setting('adit.user_id', TRUE));
CREATE POLICY own_rows ON account     FOR SELECT USING (user_id = current_setting('adit.user_id', TRUE));
CREATE POLICY own_rows ON event       FOR SELECT USING (user_id = current_setting('adit.user_id', TRUE));
CREATE POLICY own_rows ON limit_entry FOR SELECT USING (user_id = current_setting('adit.user_id', TRUE));

-- Roles belong to the whole cluster: another database may have made it, and the owner may not be allowed to make any. Then an
-- administrator runs: CREATE ROLE adit_reader NOLOGIN; GRANT SELECT ON withdrawal, account, event, limit_entry TO adit_reader;
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'adit_reader') THEN
        CREATE ROLE adit_reader NOLOGIN;
    END IF;
    GRANT SELECT ON withdrawal, account, event, limit_entry TO adit_reader;
EXCEPTION
    WHEN insufficient_privilege OR duplicate_object OR unique_violation THEN
        RAISE NOTICE 'the role adit_reader was not made or not granted here: %', SQLERRM;
END $$;
