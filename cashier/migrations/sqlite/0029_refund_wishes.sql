-- Payers who ask for a refund of an own order. Operators decide; a refund of the order's own payment answers the wish in its transaction.
CREATE TABLE refund_wishes (
    -- The order's number and n.
    id               TEXT NOT NULL PRIMARY KEY,
    out_trade_no     TEXT NOT NULL,
    -- Counts the order's wishes from 1.
    n                BIGINT NOT NULL,
    -- The payer's words.
    reason           TEXT   NOT NULL,
    asked_at         BIGINT NOT NULL,
    state            TEXT   NOT NULL CHECK (state IN ('open', 'accepted', 'declined')),
    answered_at      BIGINT,
    answered_by      TEXT,
    answered_by_kind TEXT,
    -- What the payer is told where it was declined, and the refund where it was accepted.
    words            TEXT,
    out_refund_no    TEXT,
    -- The order's number while it waits: one wish of an order at a time.
    open_key         TEXT UNIQUE,
    version          BIGINT NOT NULL,
    CHECK ((state = 'open') = (answered_at IS NULL)),
    CHECK ((state = 'open') = (open_key IS NOT NULL)),
    CHECK ((state = 'declined') = (words IS NOT NULL)),
    CHECK ((state = 'accepted') = (out_refund_no IS NOT NULL))
);
CREATE INDEX refund_wishes_of_order ON refund_wishes (out_trade_no);
CREATE INDEX refund_wishes_open ON refund_wishes (asked_at, id) WHERE state = 'open';
