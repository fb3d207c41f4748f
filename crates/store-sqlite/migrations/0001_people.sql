-- Times are microseconds since 1970-01-01 UTC. `version` counts the changes of a row; writers assert the one they read.

-- A user: the guard row of everything that is decided about him.
CREATE TABLE app_user (
    id               TEXT    NOT NULL CONSTRAINT app_user_pk PRIMARY KEY,
    tier             TEXT,
    claim_nonce      INTEGER NOT NULL CONSTRAINT claim_nonce_not_negative CHECK (claim_nonce >= 0),
    event_seq        INTEGER NOT NULL CONSTRAINT event_seq_not_negative CHECK (event_seq >= 0),
    last_accepted_at INTEGER,
    wallets          INTEGER NOT NULL,
    cancels          INTEGER NOT NULL,
    cancels_since    INTEGER NOT NULL,
    created_at       INTEGER NOT NULL,
    version          INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A wallet belongs to one user: constraint wallet_owner.
CREATE TABLE wallet (
    address   TEXT    NOT NULL CONSTRAINT wallet_owner PRIMARY KEY,
    user_id   TEXT    NOT NULL,
    linked_at INTEGER NOT NULL,
    usable_at INTEGER NOT NULL,
    version   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX wallet_of_user ON wallet (user_id, address);

-- API keys. Of the secret only its SHA-256 is kept.
CREATE TABLE credential (
    id         TEXT    NOT NULL CONSTRAINT credential_unique PRIMARY KEY,
    hash       TEXT    NOT NULL CONSTRAINT credential_hash_unique UNIQUE,
    role       TEXT    NOT NULL CONSTRAINT credential_role CHECK (role IN ('user', 'service', 'admin')),
    user_id    TEXT,
    label      TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT, WITHOUT ROWID;

-- What is stopped now: `all`, `asset/…` or `user/…`. A row is deleted when its scope is resumed; events keep the history.
CREATE TABLE suspension (
    scope  TEXT    NOT NULL CONSTRAINT suspension_pk PRIMARY KEY,
    actor  TEXT    NOT NULL,
    reason TEXT    NOT NULL,
    since  INTEGER NOT NULL,
    form   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Every configuration that ever decided something. The same text is the same revision.
CREATE TABLE policy_revision (
    revision INTEGER PRIMARY KEY AUTOINCREMENT,
    rules    TEXT    NOT NULL CONSTRAINT policy_revision_unique UNIQUE,
    at       INTEGER NOT NULL
) STRICT;

-- Groups of commands that were committed: an answer to COMMIT that was lost is read back here.
CREATE TABLE commit_group (
    id TEXT    NOT NULL CONSTRAINT commit_group_pk PRIMARY KEY,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Time never goes back before the newest group.
CREATE INDEX commit_group_by_time ON commit_group (at);
