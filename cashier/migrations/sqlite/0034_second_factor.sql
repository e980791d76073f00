-- The second factor of an operator: a secret that an app on the operator's phone has too, sealed with SAOMA_SECRET_KEY.
CREATE TABLE operator_factors (
    operator     TEXT   NOT NULL PRIMARY KEY,
    secret       TEXT   NOT NULL,
    begun_at     BIGINT NOT NULL,
    -- Empty while the operator has not proven to have it.
    confirmed_at BIGINT,
    -- The step of 30 s of the newest code that was used: none of it or before counts any more.
    last_step    BIGINT NOT NULL
);

-- Codes that stand in for the phone, each once. Random ones of 80 bits, of which only the SHA-256 is kept.
CREATE TABLE operator_recovery_codes (
    operator TEXT   NOT NULL,
    hash     TEXT   NOT NULL,
    used_at  BIGINT,
    PRIMARY KEY (operator, hash)
);

-- Sign-ins whose password was right and whose second factor is awaited. They are no sessions, so that an older version takes none of
-- them for one.
CREATE TABLE operator_sign_ins (
    token_hash    TEXT   NOT NULL PRIMARY KEY,
    operator      TEXT   NOT NULL,
    password_hash TEXT   NOT NULL,
    replaces      TEXT   NOT NULL,
    agent         TEXT   NOT NULL,
    created_at    BIGINT NOT NULL
);
