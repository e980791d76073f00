-- In which channel an order was placed. The protocol follows from `sign_type`, whose third word is v3's.
ALTER TABLE orders ADD COLUMN trade_type TEXT NOT NULL DEFAULT 'NATIVE' CHECK (trade_type IN ('NATIVE', 'JSAPI', 'MWEB', 'APP'));
-- Empty for the merchant's main app, to which the database belongs.
ALTER TABLE orders ADD COLUMN appid TEXT NOT NULL DEFAULT '';
-- Who is to pay (JSAPI, static codes); cleared when the order ends.
ALTER TABLE orders ADD COLUMN openid TEXT;
-- The page that the payer came from (MWEB), as JSON, so that a repeat sends the same fields.
ALTER TABLE orders ADD COLUMN scene TEXT;
-- The static code that was scanned for it.
ALTER TABLE orders ADD COLUMN static_code TEXT;

-- By which protocol a refund is asked for; it stays with it.
ALTER TABLE refunds ADD COLUMN protocol TEXT NOT NULL DEFAULT 'v2' CHECK (protocol IN ('v2', 'v3'));

-- WeChat's platform certificates, so that a restart does not need WeChat.
CREATE TABLE wechat_keys (
    serial     TEXT NOT NULL PRIMARY KEY,
    mch_id     TEXT NOT NULL,
    pem        TEXT NOT NULL,
    not_before BIGINT NOT NULL,
    not_after  BIGINT NOT NULL,
    fetched_at BIGINT NOT NULL
);

-- The access_token of an app, sealed, and who fetches the next one: only one instance at a time, and only so often a day.
CREATE TABLE access_tokens (
    appid          TEXT NOT NULL PRIMARY KEY,
    sealed         TEXT,
    expires_at     BIGINT NOT NULL DEFAULT 0,
    fetching_until BIGINT NOT NULL DEFAULT 0,
    day            TEXT NOT NULL DEFAULT '',
    fetched        BIGINT NOT NULL DEFAULT 0,
    forced         BIGINT NOT NULL DEFAULT 0,
    forced_at      BIGINT NOT NULL DEFAULT 0,
    version        BIGINT NOT NULL DEFAULT 0
);

-- Codes that do not expire (mode one), each for one user and amount. Amounts are fen.
CREATE TABLE static_codes (
    product_id TEXT NOT NULL PRIMARY KEY,
    user_id    TEXT NOT NULL,
    user_name  TEXT NOT NULL,
    total_fee  BIGINT NOT NULL CHECK (total_fee >= 1),
    bonus      BIGINT NOT NULL CHECK (bonus >= 0),
    url        TEXT NOT NULL,
    short_url  TEXT,
    made_by    TEXT NOT NULL,
    made_at    BIGINT NOT NULL,
    stopped_at BIGINT
);
CREATE INDEX static_codes_by_time ON static_codes (made_at, product_id);
