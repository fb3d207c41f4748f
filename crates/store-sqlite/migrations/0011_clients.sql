-- Whose key it is: idempotency, rates and audit know the client, and a client may have several keys. Keys of before are clients of their own.
ALTER TABLE credential ADD COLUMN client TEXT NOT NULL DEFAULT '';
ALTER TABLE credential ADD COLUMN expires_at INTEGER;
-- Whether the process's environment named it: another value there replaces it.
ALTER TABLE credential ADD COLUMN from_environment INTEGER NOT NULL DEFAULT 0
    CONSTRAINT from_environment_is_a_flag CHECK (from_environment IN (0, 1));
UPDATE credential SET client = CASE WHEN role = 'user' AND user_id IS NOT NULL THEN 'user/' || user_id ELSE 'key/' || id END;
UPDATE credential SET from_environment = 1 WHERE role = 'admin' AND label = 'ADIT_ADMIN_TOKEN';
CREATE INDEX credential_by_time ON credential (created_at, id);
CREATE INDEX credential_of_client ON credential (client, created_at, id);
CREATE INDEX credential_revoked ON credential (revoked_at) WHERE revoked_at IS NOT NULL;

-- When a key was last used, to the minute. A note: no decision reads it.
CREATE TABLE credential_use (
    credential_id TEXT    NOT NULL CONSTRAINT credential_use_pk PRIMARY KEY,
    at            INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Whose key or token asked, as a client: they do not approve it.
ALTER TABLE withdrawal ADD COLUMN requested_by TEXT;
UPDATE withdrawal
SET requested_by = (
    SELECT CASE e.actor ->> 'actor'
               WHEN 'user' THEN 'user/' || (e.actor ->> 'user')
               WHEN 'engine' THEN 'engine'
               ELSE 'key/' || (e.actor ->> 'credential')
           END
    FROM event AS e
    WHERE e.withdrawal_id = withdrawal.id AND e.kind = 'requested'
    ORDER BY e.at LIMIT 1)
WHERE status = 'pending';
