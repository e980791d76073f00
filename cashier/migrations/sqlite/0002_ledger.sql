-- Every movement of a balance, append-only. One row 'credit' per order at most: that is the primary key.
CREATE TABLE ledger (
    out_trade_no TEXT NOT NULL,
    entry        TEXT NOT NULL,
    user_id      TEXT NOT NULL,
    amount       BIGINT NOT NULL,
    at           BIGINT NOT NULL,
    author       TEXT NOT NULL,
    reason       TEXT NOT NULL,
    PRIMARY KEY (out_trade_no, entry)
) WITHOUT ROWID;
CREATE INDEX ledger_by_user ON ledger (user_id);
CREATE TRIGGER ledger_is_append_only_update BEFORE UPDATE ON ledger BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER ledger_is_append_only_delete BEFORE DELETE ON ledger BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
