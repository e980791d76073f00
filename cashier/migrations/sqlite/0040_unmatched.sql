-- Payments that match no order can be exported too. SQLite changes no check of a table that is there.
ALTER TABLE exports RENAME TO exports_before;
DROP INDEX exports_by_time;
CREATE TABLE exports (
    id       TEXT   NOT NULL PRIMARY KEY,
    operator TEXT   NOT NULL,
    list     TEXT   NOT NULL CHECK (list IN ('orders', 'refunds', 'ledger', 'bill', 'unmatched')),
    format   TEXT   NOT NULL CHECK (format IN ('csv', 'xlsx')),
    -- The query of the list's address.
    query    TEXT   NOT NULL,
    lang     TEXT   NOT NULL,
    state    TEXT   NOT NULL CHECK (state IN ('made', 'running', 'ended', 'broken')),
    -- What it will have, where that is known.
    whole    BIGINT,
    -- What it has so far.
    done     BIGINT NOT NULL DEFAULT 0,
    -- Why it broke off: a word.
    problem  TEXT,
    made_at  BIGINT NOT NULL,
    -- While it runs, when it last moved.
    moved_at BIGINT NOT NULL
);
INSERT INTO exports (id, operator, list, format, query, lang, state, whole, done, problem, made_at, moved_at)
SELECT id, operator, list, format, query, lang, state, whole, done, problem, made_at, moved_at FROM exports_before;
DROP TABLE exports_before;
CREATE INDEX exports_by_time ON exports (made_at, id);
