-- Where an operator has signed in from: an IPv4 address, or an IPv6 /64. Older IPv6 addresses are single ones and fit no block.
CREATE TABLE operator_blocks (
    operator TEXT COLLATE "C" NOT NULL,
    block    TEXT COLLATE "C" NOT NULL,
    seen_at  BIGINT NOT NULL,
    PRIMARY KEY (operator, block)
);
INSERT INTO operator_blocks (operator, block, seen_at)
    SELECT operator, address, MAX(at) FROM audit WHERE action = 'login' GROUP BY operator, address;

-- When all tries of a bucket are free again, for all instances together.
CREATE TABLE sign_in_limits (
    bucket  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    free_at BIGINT NOT NULL
);

-- Failed sign-ins ('login') and password confirmations ('confirm'), counted by minute. Old ones are deleted.
CREATE TABLE sign_in_failures (
    minute BIGINT NOT NULL,
    action TEXT COLLATE "C" NOT NULL,
    name   TEXT COLLATE "C" NOT NULL,
    block  TEXT COLLATE "C" NOT NULL,
    tries  BIGINT NOT NULL,
    PRIMARY KEY (minute, action, name, block)
);
CREATE INDEX sign_in_failures_name ON sign_in_failures (name, minute);

CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'the audit is append-only'; END $$;
CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
