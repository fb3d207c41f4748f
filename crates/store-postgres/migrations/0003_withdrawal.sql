CREATE TABLE withdrawal (
    id               UUID          NOT NULL CONSTRAINT withdrawal_pk PRIMARY KEY,
    user_id          TEXT          NOT NULL,
    payout_id        UUID          NOT NULL,
    asset            TEXT          NOT NULL,
    amount           NUMERIC(39,0) NOT NULL,
    destination      TEXT          NOT NULL,
    book             TEXT          NOT NULL,
    source_asset     TEXT          NOT NULL,
    deducted         NUMERIC(39,0) NOT NULL,
    fee              NUMERIC(39,0) NOT NULL,
    balance_before   NUMERIC(39,0) NOT NULL,
    balance_after    NUMERIC(39,0) NOT NULL,
    hold_id          UUID          NOT NULL,
    limit_asset      TEXT          NOT NULL,
    limit_seq        BIGINT        NOT NULL,
    limit_at         BIGINT        NOT NULL,
    limit_amount     NUMERIC(39,0) NOT NULL,
    limit_cumulative NUMERIC(39,0) NOT NULL,
    nonce            BIGINT,
    deadline         BIGINT,
    digest           TEXT,
    signature        TEXT,
    policy_revision  BIGINT        NOT NULL,
    created_at       BIGINT        NOT NULL,
    retry_count      BIGINT        NOT NULL,
    status           TEXT          NOT NULL CONSTRAINT withdrawal_status
                     CHECK (status IN ('pending', 'approved', 'processing', 'completed', 'failed', 'cancelled', 'held_for_inspection')),
    state            JSON          NOT NULL,
    form             BIGINT        NOT NULL,
    due_at           BIGINT,
    hash             TEXT,
    block_number     BIGINT,
    completed_at     BIGINT,
    version          BIGINT        NOT NULL,
    CONSTRAINT withdrawal_claim_is_whole CHECK (
        (nonce IS NULL) = (digest IS NULL) AND (deadline IS NULL) = (digest IS NULL) AND (signature IS NULL) = (digest IS NULL)
    )
);
COMMENT ON TABLE withdrawal IS
    'One row per accepted withdrawal. `state` is its whole state as JSON of form `form`; status, due_at, hash, block_number and completed_at are read out of it for those who search.';

-- A signed digest is accepted once, whatever its signature bytes look like.
CREATE UNIQUE INDEX withdrawal_digest_unique ON withdrawal (digest) WHERE digest IS NOT NULL;
CREATE UNIQUE INDEX withdrawal_claim_nonce_unique ON withdrawal (user_id, nonce) WHERE nonce IS NOT NULL;

CREATE INDEX withdrawal_by_time ON withdrawal (created_at, id);
CREATE INDEX withdrawal_of_user ON withdrawal (user_id, created_at, id);
CREATE INDEX withdrawal_by_status ON withdrawal (status, created_at, id);

-- The queue: what may be planned, oldest first.
CREATE INDEX withdrawal_approved ON withdrawal (created_at, id, asset, due_at) WHERE status = 'approved';

CREATE TABLE limit_entry (
    user_id       TEXT          NOT NULL,
    asset         TEXT          NOT NULL,
    at            BIGINT        NOT NULL,
    seq           BIGINT        NOT NULL,
    amount        NUMERIC(39,0) NOT NULL,
    cumulative    NUMERIC(39,0) NOT NULL,
    withdrawal_id UUID          NOT NULL,
    given_back_at BIGINT,
    CONSTRAINT limit_entry_seq_unique PRIMARY KEY (user_id, asset, seq)
);
COMMENT ON TABLE limit_entry IS
    'The limits: one entry per accepted withdrawal, with the running sum of its user and asset. An entry that is given back keeps its place and its time. In order of time is in order of seq.';

CREATE INDEX limit_entry_by_time ON limit_entry (user_id, asset, at, seq) INCLUDE (cumulative);
CREATE INDEX limit_entry_given_back ON limit_entry (user_id, asset, at, amount) WHERE given_back_at IS NOT NULL;
CREATE INDEX limit_entry_standing ON limit_entry (user_id, asset, at) WHERE given_back_at IS NULL;

CREATE TABLE idempotency (
    principal     TEXT          NOT NULL,
    key           TEXT          NOT NULL,
    fingerprint   TEXT          NOT NULL,
    withdrawal_id UUID          NOT NULL,
    at            BIGINT        NOT NULL,
    CONSTRAINT idempotency_unique PRIMARY KEY (principal, key)
);
COMMENT ON TABLE idempotency IS
    'A principal''s key for a request, for ever.';
