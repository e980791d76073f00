-- What the desk finds orders and refunds by, beside what was there.
CREATE INDEX orders_by_tail ON orders (substr(out_trade_no, length(out_trade_no) - 7));
-- A user without a name has the id as its name, and is found by that.
-- In the order of bytes, so that the beginning of a name is one range; this changes no row.
ALTER TABLE orders ALTER COLUMN user_name TYPE TEXT COLLATE "C";
CREATE INDEX orders_by_name ON orders (user_name, created_at) WHERE user_name <> user_id;
ALTER TABLE refunds ALTER COLUMN refund_id TYPE TEXT COLLATE "C";
CREATE INDEX refunds_by_refund_id ON refunds (refund_id) WHERE refund_id IS NOT NULL;
CREATE INDEX epay_orders_by_number ON epay_orders (out_trade_no);
CREATE INDEX ledger_by_time ON ledger (at, out_trade_no, entry);

-- Filters that an operator gave a name, as the query of the list's address.
CREATE TABLE saved_filters (
    operator TEXT COLLATE "C" NOT NULL,
    list TEXT COLLATE "C" NOT NULL CHECK (list IN ('orders', 'refunds')),
    name TEXT COLLATE "C" NOT NULL,
    query    TEXT   NOT NULL,
    saved_at BIGINT NOT NULL,
    PRIMARY KEY (operator, list, name)
);

-- Which columns an operator wants to see, separated by blanks.
CREATE TABLE shown_columns (
    operator TEXT COLLATE "C" NOT NULL,
    list TEXT COLLATE "C" NOT NULL CHECK (list IN ('orders', 'refunds')),
    columns  TEXT NOT NULL,
    PRIMARY KEY (operator, list)
);

CREATE TABLE exports (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    operator TEXT COLLATE "C" NOT NULL,
    list TEXT COLLATE "C" NOT NULL CHECK (list IN ('orders', 'refunds', 'ledger', 'bill')),
    format   TEXT   NOT NULL CHECK (format IN ('csv', 'xlsx')),
    -- The query of the list's address.
    query    TEXT   NOT NULL,
    lang     TEXT   NOT NULL,
    state    TEXT   NOT NULL CHECK (state IN ('made', 'running', 'ended', 'broken')),
    -- What it will have, where that is known.
    whole    BIGINT,
    -- What it has so far.
    done     BIGINT NOT NULL DEFAULT 0,
    -- Why it broke off: a word.
    problem  TEXT,
    made_at  BIGINT NOT NULL,
    -- While it runs, when it last moved.
    moved_at BIGINT NOT NULL
);
CREATE INDEX exports_by_time ON exports (made_at, id);
