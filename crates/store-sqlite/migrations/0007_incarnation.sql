-- The store about itself: which life of it this is, and what it was found to have lost. One row at most. `unread`, `unmatched` and
-- `finding` are JSON of form `form`.
CREATE TABLE incarnation (
    singleton INTEGER NOT NULL CONSTRAINT incarnation_pk PRIMARY KEY CONSTRAINT incarnation_is_one CHECK (singleton = 1),
    id        TEXT    NOT NULL,
    since     INTEGER NOT NULL,
    taken_over INTEGER NOT NULL CONSTRAINT taken_over_is_a_flag CHECK (taken_over IN (0, 1)),
    unread    TEXT    NOT NULL,
    unmatched TEXT    NOT NULL,
    finding   TEXT,
    form      INTEGER NOT NULL,
    version   INTEGER NOT NULL
) STRICT;

-- What the signer is told with each lease and request; why the book was found to be behind.
ALTER TABLE lane ADD COLUMN lease_token TEXT;
ALTER TABLE lane ADD COLUMN counter INTEGER NOT NULL DEFAULT 0;
ALTER TABLE lane ADD COLUMN journal_read INTEGER NOT NULL DEFAULT 0;
ALTER TABLE lane ADD COLUMN doubt TEXT;

-- The scope of idempotency keys is a client. Its names are those of before.
ALTER TABLE idempotency RENAME COLUMN principal TO client;

-- The key that a withdrawal consumed, as JSON; none for withdrawals of before.
ALTER TABLE withdrawal ADD COLUMN idempotency TEXT;

-- A lineage by its own number, live or ended.
CREATE INDEX lineage_by_number ON lineage (lane, nonce, created_at, id);

-- The kind `debt`: what a user owes us, where a payment that was found cost more than they had. SQLite changes no CHECK: the table is
-- made again, otherwise as in 0002.
CREATE TABLE account_with_debts (
    path    TEXT    NOT NULL CONSTRAINT account_pk PRIMARY KEY,
    kind    TEXT    NOT NULL CONSTRAINT account_kind
            CHECK (kind IN ('user', 'issuer', 'hot', 'treasury', 'fees', 'network', 'rounding', 'debt', 'suspense')),
    user_id TEXT,
    book    TEXT,
    wallet  TEXT,
    chain   TEXT,
    asset   TEXT    NOT NULL,
    debits  TEXT    NOT NULL CONSTRAINT debits_are_padded CHECK (length(debits) = 39),
    credits TEXT    NOT NULL CONSTRAINT credits_are_padded CHECK (length(credits) = 39),
    held    TEXT    NOT NULL CONSTRAINT held_are_padded CHECK (length(held) = 39),
    version INTEGER NOT NULL,

    left_high INTEGER AS (CAST(substr(credits,  1, 13) AS INTEGER) - CAST(substr(debits,  1, 13) AS INTEGER) - CAST(substr(held,  1, 13) AS INTEGER)),
    left_mid  INTEGER AS (CAST(substr(credits, 14, 13) AS INTEGER) - CAST(substr(debits, 14, 13) AS INTEGER) - CAST(substr(held, 14, 13) AS INTEGER)),
    left_low  INTEGER AS (CAST(substr(credits, 27, 13) AS INTEGER) - CAST(substr(debits, 27, 13) AS INTEGER) - CAST(substr(held, 27, 13) AS INTEGER)),

    -- floor(x / 10^13) of a limb that is never below -3 * 10^13.
    CONSTRAINT account_not_overdrawn CHECK (
        kind <> 'user'
        OR left_high + (left_mid + (left_low + 30000000000000) / 10000000000000 - 3 + 30000000000000) / 10000000000000 - 3 >= 0
    )
) STRICT, WITHOUT ROWID;
INSERT INTO account_with_debts (path, kind, user_id, book, wallet, chain, asset, debits, credits, held, version)
SELECT path, kind, user_id, book, wallet, chain, asset, debits, credits, held, version FROM account;
DROP TABLE account;
ALTER TABLE account_with_debts RENAME TO account;
CREATE INDEX account_of_user ON account (user_id, path) WHERE kind = 'user';
CREATE INDEX account_debt_of_user ON account (user_id, path) WHERE kind = 'debt';
