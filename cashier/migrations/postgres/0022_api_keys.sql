-- Keys of the site's own programs for /api/v1. Of a key's text only the SHA-256 is kept, in hexadecimal digits.
CREATE TABLE api_keys (
    id         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    -- Never given twice, so that books and audit stay clear after a key has ended.
    name       TEXT COLLATE "C" NOT NULL UNIQUE,
    hash       TEXT NOT NULL,
    -- The text before, and until when it counts.
    old_hash   TEXT,
    old_until  BIGINT,
    -- Words and networks, separated by blanks; no networks: from everywhere.
    scopes     TEXT NOT NULL,
    networks   TEXT NOT NULL,
    -- Fen a call.
    max_amount BIGINT CHECK (max_amount >= 1),
    expires_at BIGINT,
    revoked_at BIGINT,
    used_at    BIGINT,
    made_by    TEXT NOT NULL,
    made_at    BIGINT NOT NULL,
    version    BIGINT NOT NULL,
    CHECK ((old_hash IS NULL) = (old_until IS NULL))
);
