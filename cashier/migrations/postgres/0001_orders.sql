-- One recharge with one out_trade_no. Times are Unix milliseconds, money is fen.
CREATE TABLE orders (
    out_trade_no     TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    user_id          TEXT COLLATE "C" NOT NULL,
    user_name        TEXT NOT NULL,
    total_fee        BIGINT NOT NULL CHECK (total_fee >= 1),
    bonus            BIGINT NOT NULL CHECK (bonus >= 0),
    body             TEXT NOT NULL,
    product_id       TEXT NOT NULL,
    notify_url       TEXT NOT NULL,
    spbill_create_ip TEXT NOT NULL,
    sign_type        TEXT NOT NULL,
    created_at       BIGINT NOT NULL,
    time_expire      BIGINT NOT NULL,
    state            TEXT NOT NULL CHECK (state IN ('created', 'pending', 'closed', 'paid')),
    version          BIGINT NOT NULL,
    ordering_until   BIGINT NOT NULL,
    link_token       TEXT NOT NULL,
    reusable         BIGINT NOT NULL,
    -- Two presses of one user for one amount meet here; empty once the order is no longer offered.
    open_key         TEXT COLLATE "C" UNIQUE,
    code_url         TEXT,
    code_version     BIGINT,
    code_issued_at   BIGINT,
    transaction_id   TEXT COLLATE "C",
    paid_at          BIGINT,
    credited_at      BIGINT,
    closed_at        BIGINT,
    late             BIGINT NOT NULL DEFAULT 0,
    proof            TEXT,
    refunded_outside BIGINT NOT NULL DEFAULT 0,
    -- When WeChat is asked next; empty once nothing can change any more.
    next_query_at    BIGINT,
    last_query_at    BIGINT NOT NULL DEFAULT 0,
    queries          BIGINT NOT NULL DEFAULT 0,
    CHECK ((state = 'paid') = (transaction_id IS NOT NULL AND paid_at IS NOT NULL AND proof IS NOT NULL)),
    CHECK (state <> 'pending' OR code_url IS NOT NULL),
    CHECK (state <> 'closed' OR closed_at IS NOT NULL)
);
CREATE INDEX orders_by_time ON orders (created_at, out_trade_no);
CREATE INDEX orders_by_user ON orders (user_id, created_at, out_trade_no);
CREATE INDEX orders_by_transaction ON orders (transaction_id) WHERE transaction_id IS NOT NULL;
CREATE INDEX orders_due ON orders (next_query_at) WHERE next_query_at IS NOT NULL;
-- Paid and closed orders are found fast by time; the open ones are few among many.
CREATE INDEX orders_open ON orders (created_at, out_trade_no) WHERE state IN ('created', 'pending');
