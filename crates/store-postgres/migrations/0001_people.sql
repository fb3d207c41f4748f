-- Times are microseconds since 1970-01-01 UTC. `version` counts the changes of a row; writers assert the one they read.

CREATE TABLE app_user (
    id               TEXT          NOT NULL CONSTRAINT app_user_pk PRIMARY KEY,
    tier             TEXT,
    claim_nonce      BIGINT        NOT NULL CONSTRAINT claim_nonce_not_negative CHECK (claim_nonce >= 0),
    event_seq        BIGINT        NOT NULL CONSTRAINT event_seq_not_negative CHECK (event_seq >= 0),
    last_accepted_at BIGINT,
    wallets          BIGINT        NOT NULL,
    cancels          BIGINT        NOT NULL,
    cancels_since    BIGINT        NOT NULL,
    created_at       BIGINT        NOT NULL,
    version          BIGINT        NOT NULL
);
COMMENT ON TABLE app_user IS
    'A user: the guard row of everything that is decided about him.';

CREATE TABLE wallet (
    address   TEXT          COLLATE "C" NOT NULL CONSTRAINT wallet_owner PRIMARY KEY,
    user_id   TEXT          NOT NULL,
    linked_at BIGINT        NOT NULL,
    usable_at BIGINT        NOT NULL,
    version   BIGINT        NOT NULL
);
COMMENT ON TABLE wallet IS
    'A wallet belongs to one user: constraint wallet_owner.';

CREATE INDEX wallet_of_user ON wallet (user_id, address);

CREATE TABLE credential (
    id         UUID          NOT NULL CONSTRAINT credential_unique PRIMARY KEY,
    hash       TEXT          NOT NULL CONSTRAINT credential_hash_unique UNIQUE,
    role       TEXT          NOT NULL CONSTRAINT credential_role CHECK (role IN ('user', 'service', 'admin')),
    user_id    TEXT,
    label      TEXT          NOT NULL,
    created_at BIGINT        NOT NULL,
    revoked_at BIGINT
);
COMMENT ON TABLE credential IS
    'API keys. Of the secret only its SHA-256 is kept.';

CREATE TABLE suspension (
    scope  TEXT          COLLATE "C" NOT NULL CONSTRAINT suspension_pk PRIMARY KEY,
    actor  JSON          NOT NULL,
    reason TEXT          NOT NULL,
    since  BIGINT        NOT NULL,
    form   BIGINT        NOT NULL
);
COMMENT ON TABLE suspension IS
    'What is stopped now: `all`, `asset/…` or `user/…`. A row is deleted when its scope is resumed; events keep the history.';

CREATE TABLE policy_revision (
    revision BIGINT        GENERATED ALWAYS AS IDENTITY CONSTRAINT policy_revision_pk PRIMARY KEY,
    rules    TEXT          NOT NULL,
    hash     BYTEA         NOT NULL CONSTRAINT policy_revision_unique UNIQUE,
    at       BIGINT        NOT NULL
);
COMMENT ON TABLE policy_revision IS
    'Every configuration that ever decided something. The same text is the same revision: `hash` is its SHA-256.';

CREATE TABLE commit_group (
    id      UUID    NOT NULL CONSTRAINT commit_group_pk PRIMARY KEY,
    at      BIGINT  NOT NULL,
    settled BOOLEAN NOT NULL DEFAULT FALSE
);
COMMENT ON TABLE commit_group IS
    'Groups of commands that were committed: an answer to COMMIT that was lost is read back here. `settled`: somebody asked for a group that was not there, and took its id, so that it can never be committed late.';

-- Time never goes back before the newest group.
CREATE INDEX commit_group_by_time ON commit_group (at);
