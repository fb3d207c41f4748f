-- The ledger. Amounts are base units.

CREATE TABLE account (
    path    TEXT          COLLATE "C" NOT NULL CONSTRAINT account_pk PRIMARY KEY,
    kind    TEXT          NOT NULL CONSTRAINT account_kind
            CHECK (kind IN ('user', 'issuer', 'hot', 'treasury', 'fees', 'network', 'rounding', 'suspense')),
    user_id TEXT,
    book    TEXT,
    wallet  TEXT,
    chain   TEXT,
    asset   TEXT          NOT NULL,
    debits  NUMERIC(39,0) NOT NULL CONSTRAINT debits_not_negative CHECK (debits >= 0),
    credits NUMERIC(39,0) NOT NULL CONSTRAINT credits_not_negative CHECK (credits >= 0),
    held    NUMERIC(39,0) NOT NULL CONSTRAINT held_not_negative CHECK (held >= 0),
    version BIGINT        NOT NULL,

    CONSTRAINT account_not_overdrawn CHECK (kind <> 'user' OR debits + held <= credits)
);
COMMENT ON TABLE account IS
    'Running totals of each account. A user''s account is what we owe him: credits - debits, of which `held` is promised already.';

CREATE INDEX account_of_user ON account (user_id, path) WHERE kind = 'user';

CREATE TABLE transfer (
    id       UUID          NOT NULL CONSTRAINT transfer_unique PRIMARY KEY,
    kind     TEXT          NOT NULL CONSTRAINT transfer_kind CHECK (kind IN ('post', 'hold', 'settle', 'release')),
    hold_id  UUID          CONSTRAINT transfer_resolves CHECK ((hold_id IS NOT NULL) = (kind IN ('settle', 'release'))),
    debit    TEXT          NOT NULL,
    credit   TEXT          NOT NULL,
    asset    TEXT          NOT NULL,
    amount   NUMERIC(39,0) NOT NULL CONSTRAINT amount_not_negative CHECK (amount >= 0),
    cause    TEXT          NOT NULL CONSTRAINT transfer_cause CHECK (cause IN ('credit', 'withdrawal', 'network_fee', 'funding')),
    cause_id TEXT          NOT NULL,
    at       BIGINT        NOT NULL
);
COMMENT ON TABLE transfer IS
    'Double entry. Never changed, never deleted: triggers refuse both. A hold moves nothing; settle and release name the hold that they resolve.';

-- A hold is resolved once.
CREATE UNIQUE INDEX hold_resolved_once ON transfer (hold_id) WHERE hold_id IS NOT NULL;

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a row of % is never changed and never deleted', TG_TABLE_NAME;
END $$;

CREATE TRIGGER transfer_is_never_changed BEFORE UPDATE OR DELETE ON transfer
FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE credit (
    id      TEXT          NOT NULL CONSTRAINT credit_unique PRIMARY KEY,
    user_id TEXT          NOT NULL,
    book    TEXT          NOT NULL,
    asset   TEXT          NOT NULL,
    amount  NUMERIC(39,0) NOT NULL,
    at      BIGINT        NOT NULL
);
COMMENT ON TABLE credit IS
    'Credits that were booked, by the host application''s own name for them.';
