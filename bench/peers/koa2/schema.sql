-- The usual tables of a recharge desk: orders, a ledger, balances. Money is in fen, times are Unix milliseconds.
CREATE TABLE IF NOT EXISTS orders (
    out_trade_no   TEXT NOT NULL PRIMARY KEY,
    user_id        TEXT NOT NULL,
    total_fee      INTEGER NOT NULL,
    state          TEXT NOT NULL,
    code_url       TEXT NOT NULL,
    created_at     INTEGER NOT NULL,
    time_expire    INTEGER NOT NULL,
    transaction_id TEXT,
    paid_at        INTEGER
);
CREATE INDEX IF NOT EXISTS orders_by_user ON orders (user_id, created_at);
CREATE TABLE IF NOT EXISTS ledger (
    out_trade_no TEXT NOT NULL PRIMARY KEY,
    user_id      TEXT NOT NULL,
    amount       INTEGER NOT NULL,
    at           INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS debits (
    reference  TEXT NOT NULL PRIMARY KEY,
    user_id    TEXT NOT NULL,
    amount     INTEGER NOT NULL,
    reason     TEXT NOT NULL,
    created_at INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS accounts (
    user_id TEXT NOT NULL PRIMARY KEY,
    balance INTEGER NOT NULL
);
