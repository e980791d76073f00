-- Who did something: the kind of actor beside the name, so that an operator's name never passes for the program.
-- Older rows are told apart by what only one of the two writes: an operator always gives a reason, the program never does.

ALTER TABLE refunds RENAME TO refunds_before;
CREATE TABLE refunds (
    out_refund_no  TEXT NOT NULL PRIMARY KEY,
    out_trade_no   TEXT NOT NULL,
    transaction_id TEXT NOT NULL,
    total_fee      BIGINT NOT NULL,
    amount         BIGINT NOT NULL CHECK (amount >= 1),
    share          BIGINT NOT NULL CHECK (share >= 0),
    taken          BIGINT NOT NULL CHECK (taken = 0 OR taken = share),
    -- Whose balance; empty where the payment was nobody's.
    user_id        TEXT NOT NULL,
    user_name      TEXT NOT NULL,
    reason         TEXT NOT NULL,
    notify_url     TEXT,
    made_by        TEXT NOT NULL,
    -- 'operator', 'rule', or 'wechat' for one that was made in the merchant platform.
    made_by_kind   TEXT NOT NULL,
    overdrawn      BIGINT NOT NULL,
    exception_id   TEXT,
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
    CHECK (made_by_kind = 'wechat' OR amount <= total_fee),
    CHECK ((state IN ('succeeded', 'closed')) = (ended_at IS NOT NULL)),
    CHECK ((state IN ('succeeded', 'closed')) = (due_at IS NULL)),
    CHECK (state IN ('requested', 'closed') OR refund_id IS NOT NULL),
    CHECK (taken = 0 OR user_id <> '')
) WITHOUT ROWID;
INSERT INTO refunds (out_refund_no, out_trade_no, transaction_id, total_fee, amount, share, taken, user_id,
    user_name, reason, notify_url, made_by, made_by_kind, overdrawn, exception_id, requested_at, state, refund_id,
    ended_at, problem, problem_said, due_at, tries, tried_at, version)
SELECT out_refund_no, out_trade_no, transaction_id, total_fee, amount, share, taken, user_id,
    user_name, reason, notify_url, made_by,
    CASE WHEN made_by = 'wechat' AND (reason = '' OR amount > total_fee) THEN 'wechat'
         WHEN made_by = 'rule' AND out_refund_no = 'RF-LATE-' || out_trade_no THEN 'rule'
         ELSE 'operator' END,
    overdrawn, exception_id, requested_at, state, refund_id,
    ended_at, problem, problem_said, due_at, tries, tried_at, version
FROM refunds_before;
DROP TABLE refunds_before;
CREATE INDEX refunds_by_order ON refunds (out_trade_no);
CREATE INDEX refunds_by_time ON refunds (requested_at, out_refund_no);
CREATE INDEX refunds_due ON refunds (due_at) WHERE due_at IS NOT NULL;

ALTER TABLE exceptions ADD COLUMN settled_by_kind TEXT;
UPDATE exceptions SET settled_by_kind = CASE WHEN settled_by = 'rule' AND settled_reason = '' THEN 'rule' ELSE 'operator' END
    WHERE settled_at IS NOT NULL;

-- Nearly every row is a rule's, so that only the others are rewritten.
DROP TRIGGER ledger_is_append_only_update;
ALTER TABLE ledger ADD COLUMN author_kind TEXT NOT NULL DEFAULT 'rule';
UPDATE ledger SET author_kind = 'operator' WHERE NOT
    ((entry = 'credit' AND author IN ('notice', 'query') AND reason IN ('payment', 'late payment'))
    OR (author = 'rule' AND entry = 'refund RF-LATE-' || out_trade_no)
    OR (author = 'rule' AND entry LIKE 'refund-returned %'));
CREATE TRIGGER ledger_is_append_only_update BEFORE UPDATE ON ledger BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
