-- Every movement of a balance, append-only. One row 'credit' per order at most: that is the primary key.
CREATE TABLE ledger (
    out_trade_no TEXT COLLATE "C" NOT NULL,
    entry        TEXT COLLATE "C" NOT NULL,
    user_id      TEXT COLLATE "C" NOT NULL,
    amount       BIGINT NOT NULL,
    at           BIGINT NOT NULL,
    author       TEXT NOT NULL,
    reason       TEXT NOT NULL,
    PRIMARY KEY (out_trade_no, entry)
);
CREATE INDEX ledger_by_user ON ledger (user_id);
CREATE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$;
CREATE TRIGGER ledger_is_append_only BEFORE UPDATE OR DELETE ON ledger FOR EACH ROW EXECUTE FUNCTION ledger_is_append_only();
