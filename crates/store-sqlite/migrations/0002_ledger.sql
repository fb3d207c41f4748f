-- The ledger. Amounts are base units as 39 digits with leading zeros, so that as text they compare like numbers.

-- Running totals of each account. A user's account is what we owe him: credits - debits, of which `held` is promised already.
--
-- account_not_overdrawn is debits + held <= credits for users. SQLite has no integers that long, so the difference is
-- taken in three limbs of 13 digits, and borrows are carried up; only its sign is asked.
CREATE TABLE account (
    path    TEXT    NOT NULL CONSTRAINT account_pk PRIMARY KEY,
    kind    TEXT    NOT NULL CONSTRAINT account_kind
            CHECK (kind IN ('user', 'issuer', 'hot', 'treasury', 'fees', 'network', 'rounding', 'suspense')),
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

CREATE INDEX account_of_user ON account (user_id, path) WHERE kind = 'user';

-- Double entry. Never changed, never deleted: triggers refuse both. A hold moves nothing; settle and release name the hold that they resolve.
CREATE TABLE transfer (
    id       TEXT    NOT NULL CONSTRAINT transfer_unique PRIMARY KEY,
    kind     TEXT    NOT NULL CONSTRAINT transfer_kind CHECK (kind IN ('post', 'hold', 'settle', 'release')),
    hold_id  TEXT    CONSTRAINT transfer_resolves CHECK ((hold_id IS NOT NULL) = (kind IN ('settle', 'release'))),
    debit    TEXT    NOT NULL,
    credit   TEXT    NOT NULL,
    asset    TEXT    NOT NULL,
    amount   TEXT    NOT NULL CONSTRAINT amount_is_digits CHECK (length(amount) = 39 AND amount NOT GLOB '*[^0-9]*'),
    cause    TEXT    NOT NULL CONSTRAINT transfer_cause CHECK (cause IN ('credit', 'withdrawal', 'network_fee', 'funding')),
    cause_id TEXT    NOT NULL,
    at       INTEGER NOT NULL
) STRICT;

-- A hold is resolved once.
CREATE UNIQUE INDEX hold_resolved_once ON transfer (hold_id) WHERE hold_id IS NOT NULL;

CREATE TRIGGER transfer_is_never_changed BEFORE UPDATE ON transfer
BEGIN SELECT RAISE(ABORT, 'a transfer is never changed'); END;

CREATE TRIGGER transfer_is_never_deleted BEFORE DELETE ON transfer
BEGIN SELECT RAISE(ABORT, 'a transfer is never deleted'); END;

-- Credits that were booked, by the host application's own name for them.
CREATE TABLE credit (
    id      TEXT    NOT NULL CONSTRAINT credit_unique PRIMARY KEY,
    user_id TEXT    NOT NULL,
    book    TEXT    NOT NULL,
    asset   TEXT    NOT NULL,
    amount  TEXT    NOT NULL,
    at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
