-- What was settled is listed, the last one first.
CREATE INDEX exceptions_settled ON exceptions (settled_at, id) WHERE settled_at IS NOT NULL;

-- Who dismissed a difference that no rule explains, and why.
ALTER TABLE differences ADD COLUMN dismissed_at BIGINT;
ALTER TABLE differences ADD COLUMN dismissed_by TEXT;
ALTER TABLE differences ADD COLUMN dismissed_reason TEXT;
