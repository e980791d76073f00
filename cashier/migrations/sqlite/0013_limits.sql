-- The moment of the next turn under a rate that all instances share, in Unix microseconds.
CREATE TABLE limits (
    name    TEXT NOT NULL PRIMARY KEY,
    next_at BIGINT NOT NULL
);
INSERT INTO limits (name, next_at) VALUES ('queries', 0), ('orders', 0);

-- What an integrator's Idempotency-Key led to, kept for a day; the order is empty until it is written.
CREATE TABLE request_keys (
    user_id      TEXT NOT NULL,
    request_key  TEXT NOT NULL,
    request      TEXT NOT NULL,
    out_trade_no TEXT,
    created_at   BIGINT NOT NULL,
    PRIMARY KEY (user_id, request_key)
);
CREATE INDEX request_keys_by_time ON request_keys (created_at);
