-- What the doctor sends to this server by its public name: each once, within a minute. The server notes what arrived.
CREATE TABLE doctor_probes (
    nonce     TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    issued_at BIGINT NOT NULL,
    -- NULL until it arrived.
    seen_at   BIGINT,
    -- JSON: addresses, host, headers of proxies, a digest of the body.
    saw       TEXT COLLATE "C"
);
