-- What the site is told of, written by the transaction that does it. `body` is JSON, fixed when it is written.
CREATE TABLE outbox (
    id      TEXT NOT NULL PRIMARY KEY,
    -- 1, 2, 3 … without a gap, in the order in which readers get them; empty until it is given.
    seq     BIGINT UNIQUE,
    type    TEXT NOT NULL,
    -- What it is about, and which state of that: events of one subject are numbered in the order of their versions.
    subject TEXT NOT NULL,
    version BIGINT NOT NULL,
    at      BIGINT NOT NULL,
    body    TEXT NOT NULL
);
CREATE INDEX outbox_unnumbered ON outbox (id) WHERE seq IS NULL;
CREATE INDEX outbox_by_time ON outbox (at);

-- One row: who gives the numbers, for how long, and the last one that was given.
CREATE TABLE outbox_numbering (
    name          TEXT NOT NULL PRIMARY KEY,
    holder        TEXT NOT NULL,
    claimed_until BIGINT NOT NULL,
    last_seq      BIGINT NOT NULL
);
INSERT INTO outbox_numbering (name, holder, claimed_until, last_seq) VALUES ('outbox', '', 0, 0);

-- Counts how often an exception was opened and settled.
ALTER TABLE exceptions ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
