-- What an operator may do. An operator of before was allowed everything, and so is one that an older version adds while both run.
ALTER TABLE operators ADD COLUMN role TEXT NOT NULL DEFAULT 'owner';
-- 1: somebody else has seen the password, so that it must be changed before anything else is done with it.
ALTER TABLE operators ADD COLUMN must_change BIGINT NOT NULL DEFAULT 0;
ALTER TABLE operators ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
-- What the browser called itself when it signed in.
ALTER TABLE operator_sessions ADD COLUMN agent TEXT NOT NULL DEFAULT '';

-- The audit's page looks for an order, and for one kind of action.
CREATE INDEX audit_subject ON audit (subject, at, id);
CREATE INDEX audit_action ON audit (action, at, id);
CREATE INDEX audit_who ON audit (operator, at, id);
