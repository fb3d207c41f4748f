-- One row per accepted withdrawal. `state` is its whole state as JSON of form `form`; status, due_at, hash, block_number and
-- completed_at are read out of it for those who search.
CREATE TABLE withdrawal (
    id               TEXT    NOT NULL CONSTRAINT withdrawal_pk PRIMARY KEY,
    user_id          TEXT    NOT NULL,
    payout_id        TEXT    NOT NULL,
    asset            TEXT    NOT NULL,
    amount           TEXT    NOT NULL,
    destination      TEXT    NOT NULL,
    book             TEXT    NOT NULL,
    source_asset     TEXT    NOT NULL,
    deducted         TEXT    NOT NULL,
    fee              TEXT    NOT NULL,
    balance_before   TEXT    NOT NULL,
    balance_after    TEXT    NOT NULL,
    hold_id          TEXT    NOT NULL,
    limit_asset      TEXT    NOT NULL,
    limit_seq        INTEGER NOT NULL,
    limit_at         INTEGER NOT NULL,
    limit_amount     TEXT    NOT NULL,
    limit_cumulative TEXT    NOT NULL,
    nonce            INTEGER,
    deadline         INTEGER,
    digest           TEXT,
    signature        TEXT,
    policy_revision  INTEGER NOT NULL,
    created_at       INTEGER NOT NULL,
    retry_count      INTEGER NOT NULL,
    status           TEXT    NOT NULL CONSTRAINT withdrawal_status
                     CHECK (status IN ('pending', 'approved', 'processing', 'completed', 'failed', 'cancelled', 'held_for_inspection')),
    state            TEXT    NOT NULL,
    form             INTEGER NOT NULL,
    due_at           INTEGER,
    hash             TEXT,
    block_number     INTEGER,
    completed_at     INTEGER,
    version          INTEGER NOT NULL,
    CONSTRAINT withdrawal_claim_is_whole CHECK (
        (nonce IS NULL) = (digest IS NULL) AND (deadline IS NULL) = (digest IS NULL) AND (signature IS NULL) = (digest IS NULL)
    )
) STRICT;

-- A signed digest is accepted once, whatever its signature bytes look like.
CREATE UNIQUE INDEX withdrawal_digest_unique ON withdrawal (digest) WHERE digest IS NOT NULL;
CREATE UNIQUE INDEX withdrawal_claim_nonce_unique ON withdrawal (user_id, nonce) WHERE nonce IS NOT NULL;

CREATE INDEX withdrawal_by_time ON withdrawal (created_at, id);
CREATE INDEX withdrawal_of_user ON withdrawal (user_id, created_at, id);
CREATE INDEX withdrawal_by_status ON withdrawal (status, created_at, id);

-- The queue: what may be planned, oldest first.
CREATE INDEX withdrawal_approved ON withdrawal (created_at, id, asset, due_at) WHERE status = 'approved';

-- The limits: one entry per accepted withdrawal, with the running sum of its user and asset. An entry that is given back keeps
-- its place and its time. The key begins with the time because windows are asked by it; in order of time is in order of seq.
CREATE TABLE limit_entry (
    user_id       TEXT    NOT NULL,
    asset         TEXT    NOT NULL,
    at            INTEGER NOT NULL,
    seq           INTEGER NOT NULL,
    amount        TEXT    NOT NULL,
    cumulative    TEXT    NOT NULL,
    withdrawal_id TEXT    NOT NULL,
    given_back_at INTEGER,
    CONSTRAINT limit_entry_pk PRIMARY KEY (user_id, asset, at, seq)
) STRICT, WITHOUT ROWID;

-- A place is taken once, and the next one is not before it. Asserted by the last entry: an index of its own would cost every
-- claim another page written somewhere else.
CREATE TRIGGER limit_entry_seq_unique BEFORE INSERT ON limit_entry
WHEN EXISTS (
    SELECT 1 FROM (
        SELECT seq, at FROM limit_entry WHERE user_id = NEW.user_id AND asset = NEW.asset ORDER BY at DESC, seq DESC LIMIT 1
    ) AS last
    WHERE last.seq >= NEW.seq OR last.at > NEW.at
)
BEGIN SELECT RAISE(ABORT, 'limit_entry_seq_unique'); END;

CREATE INDEX limit_entry_given_back ON limit_entry (user_id, asset, at, amount) WHERE given_back_at IS NOT NULL;

-- A principal's key for a request, for ever.
CREATE TABLE idempotency (
    principal     TEXT    NOT NULL,
    key           TEXT    NOT NULL,
    fingerprint   TEXT    NOT NULL,
    withdrawal_id TEXT    NOT NULL,
    at            INTEGER NOT NULL,
    CONSTRAINT idempotency_unique PRIMARY KEY (principal, key)
) STRICT, WITHOUT ROWID;
