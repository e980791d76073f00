-- When the last notice that was believed came by each protocol (Unix milliseconds), kept to the minute. While notices of one
-- come, its credentials are needed. Databases from before begin with the last payment that a notice told of.
CREATE TABLE last_notices (
    protocol TEXT NOT NULL PRIMARY KEY CHECK (protocol IN ('v2', 'v3')),
    at       BIGINT NOT NULL
);
INSERT INTO last_notices (protocol, at)
SELECT CASE WHEN sign_type = 'WECHATPAY2-SHA256-RSA2048' THEN 'v3' ELSE 'v2' END AS protocol, MAX(paid_at)
FROM orders WHERE proof = 'notice' GROUP BY 1;
