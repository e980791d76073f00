-- Settings that an owner changed at the desk; they win over the file's and the environment's until they are reset.
CREATE TABLE desk_settings (
    name       TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    -- JSON; empty after a reset, so that the version goes on.
    value      TEXT,
    version    BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    changed_by TEXT   NOT NULL
);
