CREATE TABLE incarnation (
    singleton BOOLEAN       NOT NULL DEFAULT TRUE CONSTRAINT incarnation_pk PRIMARY KEY CONSTRAINT incarnation_is_one CHECK (singleton),
    id        UUID          NOT NULL,
    since     BIGINT        NOT NULL,
    taken_over BOOLEAN       NOT NULL,
    unread    JSON          NOT NULL,
    unmatched JSON          NOT NULL,
    finding   JSON,
    form      BIGINT        NOT NULL,
    version   BIGINT        NOT NULL
);
COMMENT ON TABLE incarnation IS
    'The store about itself: which life of it this is, and what it was found to have lost. One row at most. `unread`, `unmatched` and `finding` are JSON of form `form`.';

-- What the signer is told with each lease and request; why the book was found to be behind.
ALTER TABLE lane
    ADD COLUMN lease_token  UUID,
    ADD COLUMN counter      BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN journal_read BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN doubt        TEXT;

-- The scope of idempotency keys is a client. Its names are those of before.
ALTER TABLE idempotency RENAME COLUMN principal TO client;
COMMENT ON TABLE idempotency IS
    'A client''s key for a request, for ever.';

-- The key that a withdrawal consumed; none for withdrawals of before.
ALTER TABLE withdrawal ADD COLUMN idempotency JSON;

-- A lineage by its own number, live or ended.
CREATE INDEX lineage_by_number ON lineage (lane, nonce, created_at, id);

-- The kind `debt`: what a user owes us, where a payment that was found cost more than they had.
ALTER TABLE account DROP CONSTRAINT account_kind;
ALTER TABLE account ADD CONSTRAINT account_kind
    CHECK (kind IN ('user', 'issuer', 'hot', 'treasury', 'fees', 'network', 'rounding', 'debt', 'suspense'));
CREATE INDEX account_debt_of_user ON account (user_id, path) WHERE kind = 'debt';
