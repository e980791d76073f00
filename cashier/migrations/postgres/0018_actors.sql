-- Who did something: the kind of actor beside the name, so that an operator's name never passes for the program.
-- Older rows are told apart by what only one of the two writes: an operator always gives a reason, the program never does.

-- 'operator', 'rule', or 'wechat' for one that was made in the merchant platform.
ALTER TABLE refunds ADD COLUMN made_by_kind TEXT NOT NULL DEFAULT 'operator';
UPDATE refunds SET made_by_kind =
    CASE WHEN made_by = 'wechat' AND (reason = '' OR amount > total_fee) THEN 'wechat'
         WHEN made_by = 'rule' AND out_refund_no = 'RF-LATE-' || out_trade_no THEN 'rule'
         ELSE 'operator' END
    WHERE made_by IN ('wechat', 'rule');
ALTER TABLE refunds ALTER COLUMN made_by_kind DROP DEFAULT;
-- The check that read the name has a name of PostgreSQL's own making.
DO $$ DECLARE old TEXT; BEGIN
    SELECT conname INTO STRICT old FROM pg_constraint
        WHERE conrelid = 'refunds'::regclass AND contype = 'c' AND pg_get_constraintdef(oid) LIKE '%made_by = ''wechat''%';
    EXECUTE format('ALTER TABLE refunds DROP CONSTRAINT %I', old);
END $$;
ALTER TABLE refunds ADD CHECK (made_by_kind = 'wechat' OR amount <= total_fee);

ALTER TABLE exceptions ADD COLUMN settled_by_kind TEXT;
UPDATE exceptions SET settled_by_kind = CASE WHEN settled_by = 'rule' AND settled_reason = '' THEN 'rule' ELSE 'operator' END
    WHERE settled_at IS NOT NULL;

-- Nearly every row is a rule's, so that only the others are rewritten.
DROP TRIGGER ledger_is_append_only ON ledger;
ALTER TABLE ledger ADD COLUMN author_kind TEXT NOT NULL DEFAULT 'rule';
UPDATE ledger SET author_kind = 'operator' WHERE NOT
    ((entry = 'credit' AND author IN ('notice', 'query') AND reason IN ('payment', 'late payment'))
    OR (author = 'rule' AND entry = 'refund RF-LATE-' || out_trade_no)
    OR (author = 'rule' AND entry LIKE 'refund-returned %'));
CREATE TRIGGER ledger_is_append_only BEFORE UPDATE OR DELETE ON ledger FOR EACH ROW EXECUTE FUNCTION ledger_is_append_only();
