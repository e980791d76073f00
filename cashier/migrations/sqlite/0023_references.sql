-- What one of the site's programs said of an order that it made, and which key it had; empty for a payer's own. Metadata is JSON.
ALTER TABLE orders ADD COLUMN metadata TEXT;
ALTER TABLE orders ADD COLUMN made_by TEXT;
-- Where its pages lead back to.
ALTER TABLE orders ADD COLUMN return_url TEXT;
-- The caller's name of it, so that a row says all of an order. That no two have the same is the next table's matter.
ALTER TABLE orders ADD COLUMN reference TEXT;
-- From when on it is not offered any more; it is closed at WeChat once it may be, and a payment until then counts.
ALTER TABLE orders ADD COLUMN cancelled_at BIGINT;

-- Which order a reference is of, for ever, and a digest of what was asked for, which a repeat must ask for again. A table of its
-- own, because a unique column of `orders` would forbid to partition them by number.
CREATE TABLE order_references (
    reference    TEXT NOT NULL PRIMARY KEY,
    out_trade_no TEXT NOT NULL UNIQUE,
    request      TEXT NOT NULL
) WITHOUT ROWID;

-- The caller's name of a refund; its number is made of it.
ALTER TABLE refunds ADD COLUMN reference TEXT;
