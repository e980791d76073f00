-- Settings that an owner changed at the desk; they win over the file's and the environment's until they are reset.
CREATE TABLE desk_settings (
    name       TEXT   NOT NULL PRIMARY KEY,
    -- JSON; empty after a reset, so that the version goes on.
    value      TEXT,
    version    BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    changed_by TEXT   NOT NULL
);

-- Credits by hand that wait for a second operator, each once.
CREATE TABLE asked_credits (
    -- 'grant' and the form's reference, or 'resolve' and the exception's id.
    id          TEXT NOT NULL PRIMARY KEY,
    user_id     TEXT NOT NULL,
    -- The order whose exception it is; empty for a grant.
    number      TEXT NOT NULL,
    amount      BIGINT NOT NULL,
    -- What is done, as JSON.
    body        TEXT   NOT NULL,
    asked_by    TEXT   NOT NULL,
    asked_at    BIGINT NOT NULL,
    -- 'open', 'confirmed' and then 'done' or 'refused', or 'withdrawn'.
    state       TEXT   NOT NULL,
    decided_by  TEXT,
    decided_at  BIGINT
);
CREATE INDEX asked_credits_open ON asked_credits (asked_at) WHERE state IN ('open', 'confirmed');
