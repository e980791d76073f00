-- A balance is the sum of the account's ledger rows, kept so that it can be read in one step.
CREATE TABLE accounts (
    user_id    TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    user_name  TEXT NOT NULL,
    balance    BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
