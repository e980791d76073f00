-- Each day's bill of WeChat against our books: the last result, who is at it, and when it is tried again. `day` is
-- yyyyMMdd in Beijing; `figures` is a JSON object.
CREATE TABLE reconciliations (
    day           TEXT NOT NULL PRIMARY KEY,
    -- The run that has or had the day; what it writes stands only while this is its name.
    run           TEXT NOT NULL,
    claimed_until BIGINT NOT NULL,
    started_at    BIGINT NOT NULL,
    finished_at   BIGINT,
    figures       TEXT NOT NULL DEFAULT '{}',
    failed_at     BIGINT,
    failure       TEXT,
    failure_text  TEXT,
    attempts      BIGINT NOT NULL DEFAULT 0,
    next_at       BIGINT NOT NULL DEFAULT 0
);

-- What did not agree, and what was done about it. Amounts are fen.
CREATE TABLE differences (
    day            TEXT NOT NULL,
    kind           TEXT NOT NULL,
    key            TEXT NOT NULL,
    run            TEXT NOT NULL,
    line           BIGINT,
    out_trade_no   TEXT NOT NULL,
    transaction_id TEXT NOT NULL,
    out_refund_no  TEXT NOT NULL,
    theirs         BIGINT,
    ours           BIGINT,
    done           TEXT NOT NULL,
    exception      TEXT,
    reason         TEXT NOT NULL,
    first_seen_at  BIGINT NOT NULL,
    PRIMARY KEY (day, kind, key)
);
CREATE INDEX differences_open ON differences (day) WHERE done IN ('listed', 'exception');

-- A bill on its way in, so that nothing is done before all of it has been read. Emptied after each run.
CREATE TABLE bill_lines (
    run      TEXT NOT NULL,
    line     BIGINT NOT NULL,
    key      TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (run, line)
);
CREATE INDEX bill_lines_by_key ON bill_lines (run, key, line);

-- What our books have for a day goes by when it was paid.
CREATE INDEX orders_by_paid ON orders (paid_at, out_trade_no) WHERE paid_at IS NOT NULL;
