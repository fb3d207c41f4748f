CREATE TABLE lane (
    id           TEXT          NOT NULL CONSTRAINT lane_pk PRIMARY KEY,
    next_nonce   BIGINT        NOT NULL,
    adopted_from BIGINT        NOT NULL,
    journal_id   UUID,
    lease_owner  UUID,
    lease_until  BIGINT,
    epoch        BIGINT        NOT NULL,
    status       TEXT          NOT NULL,
    state        JSON          NOT NULL,
    tip          JSON,
    trail        JSON          NOT NULL,
    funds        JSON          NOT NULL,
    pins         JSON          NOT NULL,
    form         BIGINT        NOT NULL,
    version      BIGINT        NOT NULL
);
COMMENT ON TABLE lane IS
    'A lane: one wallet on one chain. Nonces are counted here, in the transaction that reserves them.';

CREATE TABLE lineage (
    id         UUID          NOT NULL CONSTRAINT lineage_pk PRIMARY KEY,
    lane       TEXT          NOT NULL,
    nonce      BIGINT,
    live       BOOLEAN       NOT NULL,
    state      JSON          NOT NULL,
    cancel     JSON,
    created_at BIGINT        NOT NULL,
    form       BIGINT        NOT NULL,
    version    BIGINT        NOT NULL
);
COMMENT ON TABLE lineage IS
    'A lineage: attempts that exclude each other on chain. `live` while any of its signed attempts may still become final.';

CREATE INDEX lineage_live_by_lane ON lineage (lane, created_at, nonce, id) WHERE live;

CREATE TABLE anchor (
    lineage_id UUID          NOT NULL CONSTRAINT anchor_of_lineage REFERENCES lineage (id) DEFERRABLE INITIALLY DEFERRED,
    position   BIGINT        NOT NULL,
    kind       TEXT          NOT NULL CONSTRAINT anchor_kind CHECK (kind IN ('nonce', 'outpoint')),
    key        TEXT          NOT NULL,
    live       BOOLEAN       NOT NULL,
    CONSTRAINT anchor_pk PRIMARY KEY (lineage_id, position)
);
COMMENT ON TABLE anchor IS
    'What makes two transactions exclude each other: a nonce of a wallet, or an output that is spent.';

-- An anchor is in at most one live lineage: the first half of exactly once.
CREATE UNIQUE INDEX anchor_live_unique ON anchor (key) WHERE live;

CREATE TABLE lineage_payout (
    lineage_id    UUID          NOT NULL CONSTRAINT payout_of_lineage REFERENCES lineage (id) DEFERRABLE INITIALLY DEFERRED,
    position      BIGINT        NOT NULL,
    payout_id     UUID          NOT NULL,
    withdrawal_id UUID          NOT NULL,
    user_id       TEXT          NOT NULL,
    book          TEXT          NOT NULL,
    source_asset  TEXT          NOT NULL,
    asset         TEXT          NOT NULL,
    amount        NUMERIC(39,0) NOT NULL,
    destination   TEXT          NOT NULL,
    live          BOOLEAN       NOT NULL,
    CONSTRAINT lineage_payout_pk PRIMARY KEY (lineage_id, position)
);
COMMENT ON TABLE lineage_payout IS
    'Who is paid by a lineage, and what must appear on chain for it.';

-- A payout is in at most one live lineage: the second half.
CREATE UNIQUE INDEX payout_live_unique ON lineage_payout (payout_id) WHERE live;
CREATE INDEX lineage_payout_of_withdrawal ON lineage_payout (withdrawal_id, lineage_id);

CREATE TABLE attempt (
    id         UUID          NOT NULL CONSTRAINT attempt_pk PRIMARY KEY,
    lineage_id UUID          NOT NULL CONSTRAINT attempt_of_lineage REFERENCES lineage (id) DEFERRABLE INITIALLY DEFERRED,
    version    BIGINT        NOT NULL,
    purpose    TEXT          NOT NULL CONSTRAINT attempt_purpose CHECK (purpose IN ('pay', 'cancel')),
    epoch      BIGINT        NOT NULL,
    draft      JSON          NOT NULL,
    raw        TEXT,
    hash       TEXT,
    knowledge  TEXT          NOT NULL CONSTRAINT attempt_knowledge
               CHECK (knowledge IN ('reserved', 'signed', 'maybe_sent', 'included', 'finalized', 'conflicted')),
    known      JSON,
    created_at BIGINT        NOT NULL,
    form       BIGINT        NOT NULL,
    CONSTRAINT attempt_version_unique UNIQUE (lineage_id, version),
    CONSTRAINT attempt_is_signed_whole CHECK (
        (raw IS NULL) = (knowledge = 'reserved') AND (hash IS NULL) = (raw IS NULL) AND (known IS NULL) = (raw IS NULL)
    )
);
COMMENT ON TABLE attempt IS
    'One version of a lineage''s transaction. Its bytes are recorded before they leave; `known` is the JSON of what is known of them.';

CREATE INDEX attempt_by_hash ON attempt (hash) WHERE hash IS NOT NULL;

-- Signed bytes never change: another transaction is another attempt.
CREATE FUNCTION refuse_other_bytes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the signed bytes of attempt % are recorded already', OLD.id
    USING ERRCODE = 'check_violation', CONSTRAINT = 'attempt_bytes_once';
END $$;

CREATE TRIGGER attempt_bytes_once BEFORE UPDATE ON attempt
FOR EACH ROW WHEN (OLD.raw IS NOT NULL AND (NEW.raw IS DISTINCT FROM OLD.raw OR NEW.hash IS DISTINCT FROM OLD.hash))
EXECUTE FUNCTION refuse_other_bytes();

CREATE TABLE observation (
    number     BIGINT        GENERATED ALWAYS AS IDENTITY CONSTRAINT observation_pk PRIMARY KEY,
    attempt_id UUID          NOT NULL,
    at         BIGINT        NOT NULL,
    kind       TEXT          NOT NULL CONSTRAINT observation_kind CHECK (kind IN ('submission', 'sighting')),
    said       JSON          NOT NULL,
    form       BIGINT        NOT NULL
);
COMMENT ON TABLE observation IS
    'What endpoints said about an attempt, in the order in which it was written. It explains and decides nothing.';

CREATE INDEX observation_of_attempt ON observation (attempt_id, at, number);
