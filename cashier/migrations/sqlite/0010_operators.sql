-- Who may sign in at the desk, their sessions, and what they did.
CREATE TABLE operators (
    name          TEXT   NOT NULL PRIMARY KEY,
    password_hash TEXT   NOT NULL,
    created_at    BIGINT NOT NULL,
    password_at   BIGINT NOT NULL
);

-- A session's token is random; only its SHA-256 is kept.
CREATE TABLE operator_sessions (
    token_hash TEXT   NOT NULL PRIMARY KEY,
    operator   TEXT   NOT NULL,
    address    TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL
);
CREATE INDEX operator_sessions_operator ON operator_sessions (operator);

-- Append-only. `before` and `after` are JSON objects without secrets.
CREATE TABLE audit (
    id       TEXT   NOT NULL PRIMARY KEY,
    at       BIGINT NOT NULL,
    operator TEXT   NOT NULL,
    action   TEXT   NOT NULL,
    subject  TEXT   NOT NULL,
    address  TEXT   NOT NULL,
    before   TEXT   NOT NULL,
    after    TEXT   NOT NULL
);
CREATE INDEX audit_at ON audit (at, id);
CREATE INDEX audit_operator ON audit (operator, action, address, at);
