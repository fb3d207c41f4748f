-- A lane: one wallet on one chain. Nonces are counted here, in the transaction that reserves them.
CREATE TABLE lane (
    id           TEXT    NOT NULL CONSTRAINT lane_pk PRIMARY KEY,
    next_nonce   INTEGER NOT NULL,
    adopted_from INTEGER NOT NULL,
    journal_id   TEXT,
    lease_owner  TEXT,
    lease_until  INTEGER,
    epoch        INTEGER NOT NULL,
    status       TEXT    NOT NULL,
    state        TEXT    NOT NULL,
    tip          TEXT,
    trail        TEXT    NOT NULL,
    funds        TEXT    NOT NULL,
    pins         TEXT    NOT NULL,
    form         INTEGER NOT NULL,
    version      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A lineage: attempts that exclude each other on chain. `live` while any of its signed attempts may still become final.
CREATE TABLE lineage (
    id         TEXT    NOT NULL CONSTRAINT lineage_pk PRIMARY KEY,
    lane       TEXT    NOT NULL,
    nonce      INTEGER,
    live       INTEGER NOT NULL CONSTRAINT lineage_live CHECK (live IN (0, 1)),
    state      TEXT    NOT NULL,
    cancel     TEXT,
    created_at INTEGER NOT NULL,
    form       INTEGER NOT NULL,
    version    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX lineage_live_by_lane ON lineage (lane, created_at, nonce, id) WHERE live = 1;

-- What makes two transactions exclude each other: a nonce of a wallet, or an output that is spent.
CREATE TABLE anchor (
    lineage_id TEXT    NOT NULL CONSTRAINT anchor_of_lineage REFERENCES lineage (id) DEFERRABLE INITIALLY DEFERRED,
    position   INTEGER NOT NULL,
    kind       TEXT    NOT NULL CONSTRAINT anchor_kind CHECK (kind IN ('nonce', 'outpoint')),
    key        TEXT    NOT NULL,
    live       INTEGER NOT NULL CONSTRAINT anchor_live CHECK (live IN (0, 1)),
    CONSTRAINT anchor_pk PRIMARY KEY (lineage_id, position)
) STRICT, WITHOUT ROWID;

-- An anchor is in at most one live lineage: the first half of exactly once.
CREATE UNIQUE INDEX anchor_live_unique ON anchor (key) WHERE live = 1;

-- Who is paid by a lineage, and what must appear on chain for it.
CREATE TABLE lineage_payout (
    lineage_id    TEXT    NOT NULL CONSTRAINT payout_of_lineage REFERENCES lineage (id) DEFERRABLE INITIALLY DEFERRED,
    position      INTEGER NOT NULL,
    payout_id     TEXT    NOT NULL,
    withdrawal_id TEXT    NOT NULL,
    user_id       TEXT    NOT NULL,
    book          TEXT    NOT NULL,
    source_asset  TEXT    NOT NULL,
    asset         TEXT    NOT NULL,
    amount        TEXT    NOT NULL,
    destination   TEXT    NOT NULL,
    live          INTEGER NOT NULL CONSTRAINT payout_live CHECK (live IN (0, 1)),
    CONSTRAINT lineage_payout_pk PRIMARY KEY (lineage_id, position)
) STRICT, WITHOUT ROWID;

-- A payout is in at most one live lineage: the second half.
CREATE UNIQUE INDEX payout_live_unique ON lineage_payout (payout_id) WHERE live = 1;
CREATE INDEX lineage_payout_of_withdrawal ON lineage_payout (withdrawal_id, lineage_id);

-- One version of a lineage's transaction. Its bytes are recorded before they leave; `known` is the JSON of what is known of them.
CREATE TABLE attempt (
    id         TEXT    NOT NULL CONSTRAINT attempt_pk PRIMARY KEY,
    lineage_id TEXT    NOT NULL CONSTRAINT attempt_of_lineage REFERENCES lineage (id) DEFERRABLE INITIALLY DEFERRED,
    version    INTEGER NOT NULL,
    purpose    TEXT    NOT NULL CONSTRAINT attempt_purpose CHECK (purpose IN ('pay', 'cancel')),
    epoch      INTEGER NOT NULL,
    draft      TEXT    NOT NULL,
    raw        TEXT,
    hash       TEXT,
    knowledge  TEXT    NOT NULL CONSTRAINT attempt_knowledge
               CHECK (knowledge IN ('reserved', 'signed', 'maybe_sent', 'included', 'finalized', 'conflicted')),
    known      TEXT,
    created_at INTEGER NOT NULL,
    form       INTEGER NOT NULL,
    CONSTRAINT attempt_version_unique UNIQUE (lineage_id, version),
    CONSTRAINT attempt_is_signed_whole CHECK (
        (raw IS NULL) = (knowledge = 'reserved') AND (hash IS NULL) = (raw IS NULL) AND (known IS NULL) = (raw IS NULL)
    )
) STRICT, WITHOUT ROWID;

CREATE INDEX attempt_by_hash ON attempt (hash) WHERE hash IS NOT NULL;

-- Signed bytes never change: another transaction is another attempt.
CREATE TRIGGER attempt_bytes_once BEFORE UPDATE OF raw, hash ON attempt
WHEN OLD.raw IS NOT NULL AND (NEW.raw IS NOT OLD.raw OR NEW.hash IS NOT OLD.hash)
BEGIN SELECT RAISE(ABORT, 'attempt_bytes_once'); END;

-- What endpoints said about an attempt, in the order in which it was written. It explains and decides nothing.
CREATE TABLE observation (
    number     INTEGER PRIMARY KEY,
    attempt_id TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    kind       TEXT    NOT NULL CONSTRAINT observation_kind CHECK (kind IN ('submission', 'sighting')),
    said       TEXT    NOT NULL,
    form       INTEGER NOT NULL
) STRICT;

CREATE INDEX observation_of_attempt ON observation (attempt_id, at, number);
