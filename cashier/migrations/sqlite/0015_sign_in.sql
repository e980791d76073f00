-- Where an operator has signed in from: an IPv4 address, or an IPv6 /64. Older IPv6 addresses are single ones and fit no block.
CREATE TABLE operator_blocks (
    operator TEXT   NOT NULL,
    block    TEXT   NOT NULL,
    seen_at  BIGINT NOT NULL,
    PRIMARY KEY (operator, block)
);
INSERT INTO operator_blocks (operator, block, seen_at)
    SELECT operator, address, MAX(at) FROM audit WHERE action = 'login' GROUP BY operator, address;

-- When all tries of a bucket are free again, for all instances together.
CREATE TABLE sign_in_limits (
    bucket  TEXT   NOT NULL PRIMARY KEY,
    free_at BIGINT NOT NULL
);

-- Failed sign-ins ('login') and password confirmations ('confirm'), counted by minute. Old ones are deleted.
CREATE TABLE sign_in_failures (
    minute BIGINT NOT NULL,
    action TEXT   NOT NULL,
    name   TEXT   NOT NULL,
    block  TEXT   NOT NULL,
    tries  BIGINT NOT NULL,
    PRIMARY KEY (minute, action, name, block)
);
CREATE INDEX sign_in_failures_name ON sign_in_failures (name, minute);

CREATE TRIGGER audit_is_append_only_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER audit_is_append_only_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
