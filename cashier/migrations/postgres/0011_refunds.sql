-- Money that goes back. Every field that is sent is kept, so that a repeat sends the same.
CREATE TABLE refunds (
    out_refund_no  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    out_trade_no   TEXT COLLATE "C" NOT NULL,
    transaction_id TEXT COLLATE "C" NOT NULL,
    total_fee      BIGINT NOT NULL,
    amount         BIGINT NOT NULL CHECK (amount >= 1),
    share          BIGINT NOT NULL CHECK (share >= 0),
    taken          BIGINT NOT NULL CHECK (taken = 0 OR taken = share),
    -- Whose balance; empty where the payment was nobody's.
    user_id        TEXT COLLATE "C" NOT NULL,
    user_name      TEXT NOT NULL,
    reason         TEXT NOT NULL,
    notify_url     TEXT,
    -- The operator, 'rule', or 'wechat' for one that was made outside.
    made_by        TEXT NOT NULL,
    overdrawn      BIGINT NOT NULL,
    exception_id   TEXT COLLATE "C",
    requested_at   BIGINT NOT NULL,
    state          TEXT NOT NULL CHECK (state IN ('requested', 'submitted', 'abnormal', 'succeeded', 'closed')),
    refund_id      TEXT,
    ended_at       BIGINT,
    problem        TEXT,
    problem_said   TEXT,
    -- When WeChat is asked next; empty once it is over.
    due_at         BIGINT,
    tries          BIGINT NOT NULL DEFAULT 0,
    tried_at       BIGINT NOT NULL DEFAULT 0,
    version        BIGINT NOT NULL,
    CHECK (made_by = 'wechat' OR amount <= total_fee),
    CHECK ((state IN ('succeeded', 'closed')) = (ended_at IS NOT NULL)),
    CHECK ((state IN ('succeeded', 'closed')) = (due_at IS NULL)),
    CHECK (state IN ('requested', 'closed') OR refund_id IS NOT NULL),
    CHECK (taken = 0 OR user_id <> '')
);
CREATE INDEX refunds_by_order ON refunds (out_trade_no);
CREATE INDEX refunds_by_time ON refunds (requested_at, out_refund_no);
CREATE INDEX refunds_due ON refunds (due_at) WHERE due_at IS NOT NULL;

-- A payment that did not fit its order and that an operator credited or gave back.
ALTER TABLE orders ADD COLUMN by_hand TEXT COLLATE "C";
-- The operator's reason.
ALTER TABLE exceptions ADD COLUMN settled_reason TEXT NOT NULL DEFAULT '';
-- Refunds that arrived, by the day on which we heard of it.
ALTER TABLE days ADD COLUMN refunds BIGINT NOT NULL DEFAULT 0;
ALTER TABLE days ADD COLUMN refunded_fen BIGINT NOT NULL DEFAULT 0;
