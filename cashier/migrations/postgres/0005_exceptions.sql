-- Real money that does not fit an open order. Kept until a rule or a person settled it, and after.
CREATE TABLE exceptions (
    id             TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    kind           TEXT NOT NULL,
    out_trade_no   TEXT COLLATE "C" NOT NULL,
    transaction_id TEXT COLLATE "C" NOT NULL,
    total_fee      BIGINT NOT NULL,
    fee_type       TEXT NOT NULL,
    expected_fee   BIGINT,
    first_seen_at  BIGINT NOT NULL,
    evidence       TEXT NOT NULL,
    settled_at     BIGINT,
    settled_by     TEXT,
    settled_how    TEXT
);
CREATE INDEX exceptions_by_order ON exceptions (out_trade_no);
CREATE INDEX exceptions_by_transaction ON exceptions (transaction_id);
CREATE INDEX exceptions_open ON exceptions (first_seen_at) WHERE settled_at IS NULL;
