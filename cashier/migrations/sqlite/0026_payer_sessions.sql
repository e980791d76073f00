-- Sessions of payers. The token of a link is exchanged for one; of the cookie's text only the SHA-256 is kept, in
-- hexadecimal digits.
CREATE TABLE payer_sessions (
    token_hash TEXT   NOT NULL PRIMARY KEY,
    user_id    TEXT   NOT NULL,
    user_name  TEXT   NOT NULL,
    -- The page of the site that the payer goes back to.
    return_url TEXT,
    -- The origin of the site's page whose frame this session is for.
    parent     TEXT,
    -- Fen that the page proposes.
    amount     BIGINT CHECK (amount >= 1),
    created_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL,
    -- However much it is used.
    ends_at    BIGINT NOT NULL
);
CREATE INDEX payer_sessions_of_user ON payer_sessions (user_id, created_at);
CREATE INDEX payer_sessions_by_end ON payer_sessions (ends_at);
