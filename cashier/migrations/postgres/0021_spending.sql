-- What is set aside of a balance, in fen: the sum of the account's open holds. (No CHECK: an upsert's own row, which only says by
-- how much it changes, would have to pass it.)
ALTER TABLE accounts ADD COLUMN held BIGINT NOT NULL DEFAULT 0;
-- How many numbered rows the account has in the ledger, and its balance when numbering began: older rows can never be numbered,
-- because the ledger refuses changes.
ALTER TABLE accounts ADD COLUMN entries BIGINT NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN opening BIGINT NOT NULL DEFAULT 0;
UPDATE accounts SET opening = balance;
CREATE INDEX accounts_moved ON accounts (updated_at);

-- 1, 2, 3 … for each account, and the balance right after the row.
ALTER TABLE ledger ADD COLUMN seq BIGINT;
ALTER TABLE ledger ADD COLUMN balance_after BIGINT;
DROP INDEX ledger_by_user;
CREATE UNIQUE INDEX ledger_by_user ON ledger (user_id, seq);

-- What the site took from balances. `reference` is the caller's name of it, kept for ever; a captured hold has `hold_id` instead.
CREATE TABLE debits (
    id            TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    reference     TEXT COLLATE "C" UNIQUE,
    hold_id       TEXT COLLATE "C" UNIQUE,
    user_id       TEXT COLLATE "C" NOT NULL,
    amount        BIGINT NOT NULL CHECK (amount >= 1),
    -- The sum of its reversals.
    reversed      BIGINT NOT NULL DEFAULT 0 CHECK (reversed BETWEEN 0 AND amount),
    -- What was asked for and not there.
    shortfall     BIGINT NOT NULL CHECK (shortfall >= 0),
    reason        TEXT NOT NULL,
    metadata      TEXT NOT NULL,
    made_by       TEXT NOT NULL,
    made_by_kind  TEXT NOT NULL,
    balance_after BIGINT NOT NULL,
    created_at    BIGINT NOT NULL,
    CHECK ((reference IS NULL) <> (hold_id IS NULL))
);

-- What the site gave back of debits.
CREATE TABLE reversals (
    id           TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    reference    TEXT COLLATE "C" NOT NULL UNIQUE,
    debit_id     TEXT COLLATE "C" NOT NULL,
    amount       BIGINT NOT NULL CHECK (amount >= 1),
    reason       TEXT NOT NULL,
    made_by      TEXT NOT NULL,
    made_by_kind TEXT NOT NULL,
    created_at   BIGINT NOT NULL
);
CREATE INDEX reversals_by_debit ON reversals (debit_id);

-- What the site set aside of balances. A hold leaves 'open' once.
CREATE TABLE holds (
    id           TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    reference    TEXT COLLATE "C" NOT NULL UNIQUE,
    user_id      TEXT COLLATE "C" NOT NULL,
    amount       BIGINT NOT NULL CHECK (amount >= 1),
    state        TEXT NOT NULL CHECK (state IN ('open', 'captured', 'voided', 'expired')),
    expires_at   BIGINT NOT NULL,
    ended_at     BIGINT,
    reason       TEXT NOT NULL,
    metadata     TEXT NOT NULL,
    made_by      TEXT NOT NULL,
    made_by_kind TEXT NOT NULL,
    created_at   BIGINT NOT NULL,
    version      BIGINT NOT NULL,
    CHECK ((state = 'open') = (ended_at IS NULL))
);
CREATE INDEX holds_due ON holds (expires_at) WHERE state = 'open';
CREATE INDEX holds_of_user ON holds (user_id, id) WHERE state = 'open';

-- What operators added to balances, or took.
CREATE TABLE grants (
    id           TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    reference    TEXT COLLATE "C" NOT NULL UNIQUE,
    user_id      TEXT COLLATE "C" NOT NULL,
    amount       BIGINT NOT NULL CHECK (amount <> 0),
    reason       TEXT NOT NULL,
    made_by      TEXT NOT NULL,
    made_by_kind TEXT NOT NULL,
    created_at   BIGINT NOT NULL
);

ALTER TABLE days ADD COLUMN debited_fen BIGINT NOT NULL DEFAULT 0;
ALTER TABLE days ADD COLUMN reversed_fen BIGINT NOT NULL DEFAULT 0;
ALTER TABLE days ADD COLUMN granted_fen BIGINT NOT NULL DEFAULT 0;
