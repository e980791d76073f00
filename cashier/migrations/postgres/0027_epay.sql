-- Sites that charge by the 易支付 protocol, each with its own pid and key.
CREATE TABLE epay_merchants (
    pid        BIGINT NOT NULL PRIMARY KEY CHECK (pid >= 1),
    name       TEXT COLLATE "C" NOT NULL UNIQUE,
    -- Sealed.
    secret     TEXT NOT NULL,
    -- To which notices may go, separated by blanks.
    hosts      TEXT NOT NULL,
    made_by    TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT,
    version    BIGINT NOT NULL
);

-- What such a site asked for, written before its order is: the order is found by its reference. The same number of the same merchant
-- is one order for ever; that is the primary key.
CREATE TABLE epay_orders (
    pid          BIGINT NOT NULL,
    -- The site's number of it.
    out_trade_no TEXT COLLATE "C" NOT NULL,
    reference    TEXT COLLATE "C" NOT NULL UNIQUE,
    -- In the address by which the payer's browser goes back to the site.
    back_token   TEXT COLLATE "C" NOT NULL UNIQUE,
    total_fee    BIGINT NOT NULL CHECK (total_fee >= 1),
    -- As the site wrote them, and is told them.
    money        TEXT NOT NULL,
    name         TEXT NOT NULL,
    param        TEXT NOT NULL,
    notify_url   TEXT NOT NULL,
    return_url   TEXT,
    created_at   BIGINT NOT NULL,
    -- Paid is 'waiting': that is written with the payment. Then the site is told until it says success.
    state        TEXT NOT NULL CHECK (state IN ('open', 'waiting', 'told', 'given_up')),
    -- When it is told, or, while it is being told, when others may do it.
    due_at       BIGINT,
    -- How often it was sent; a try that was overtaken does not write its result.
    sent         BIGINT NOT NULL,
    -- Failures that count on the schedule.
    failures     BIGINT NOT NULL,
    first_at     BIGINT,
    ended_at     BIGINT,
    -- What the last try met: a word, and the status.
    problem      TEXT,
    status       BIGINT,
    PRIMARY KEY (pid, out_trade_no),
    CHECK ((state = 'waiting') = (due_at IS NOT NULL))
);
CREATE INDEX epay_orders_due ON epay_orders (pid, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX epay_orders_given_up ON epay_orders (pid, out_trade_no) WHERE state = 'given_up';
