-- Whose key it is: idempotency, rates and audit know the client, and a client may have several keys. Keys of before are clients of their own.
ALTER TABLE credential
    ADD COLUMN client           TEXT,
    ADD COLUMN expires_at       BIGINT,
    -- Whether the process's environment named it: another value there replaces it.
    ADD COLUMN from_environment BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE credential SET client = CASE WHEN role = 'user' AND user_id IS NOT NULL THEN 'user/' || user_id ELSE 'key/' || id::text END;
UPDATE credential SET from_environment = TRUE WHERE role = 'admin' AND label = 'ADIT_ADMIN_TOKEN';
ALTER TABLE credential ALTER COLUMN client SET NOT NULL;
CREATE INDEX credential_by_time ON credential (created_at, id);
CREATE INDEX credential_of_client ON credential (client, created_at, id);
CREATE INDEX credential_revoked ON credential (revoked_at) WHERE revoked_at IS NOT NULL;

CREATE TABLE credential_use (
    credential_id UUID   NOT NULL CONSTRAINT credential_use_pk PRIMARY KEY,
    at            BIGINT NOT NULL
);
COMMENT ON TABLE credential_use IS
    'When a key was last used, to the minute. A note: no decision reads it.';

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
