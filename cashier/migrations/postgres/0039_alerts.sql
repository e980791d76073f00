-- What people were told of, or are to be told of.
CREATE TABLE alerts (
    seq      BIGINT NOT NULL PRIMARY KEY,
    kind     TEXT NOT NULL,
    subject  TEXT NOT NULL,
    -- The number, name or figures to show.
    shown    TEXT NOT NULL,
    -- The money that it is about, in fen.
    amount   BIGINT,
    -- When it began.
    at       BIGINT NOT NULL,
    -- When an instance found it last.
    seen_at  BIGINT NOT NULL,
    ended_at BIGINT,
    -- Kind and subject while it lasts, and for ever of what only happened: nothing is told twice.
    open_key TEXT COLLATE "C" UNIQUE,
    -- 1: it ends when nobody finds it any more.
    lasts    BIGINT NOT NULL CHECK (lasts IN (0, 1)),
    CHECK ((ended_at IS NULL) = (open_key IS NOT NULL)),
    CHECK (lasts = 1 OR ended_at IS NULL)
);

-- One row, which whoever raises alerts locks: the last number that was given.
CREATE TABLE alert_numbering (
    name     TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    last_seq BIGINT NOT NULL
);
INSERT INTO alert_numbering (name, last_seq) VALUES ('alerts', 0);

-- Where people are told.
CREATE TABLE alert_channels (
    id         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    kind       TEXT NOT NULL,
    name       TEXT NOT NULL,
    -- The host of the address. The address itself and the secret are sealed.
    host       TEXT NOT NULL,
    url        TEXT NOT NULL,
    secret     TEXT,
    -- Kinds of alerts, separated by blanks; none: all.
    kinds      TEXT NOT NULL,
    lang       TEXT NOT NULL CHECK (lang IN ('zh', 'en')),
    -- The last alert that it was told of, or did not want.
    position   BIGINT NOT NULL,
    -- When it may be sent something, or, while it is, when others may try.
    due_at     BIGINT NOT NULL,
    -- Failures since the last message that was taken, and what was in the way.
    failures   BIGINT NOT NULL,
    problem    TEXT,
    told_at    BIGINT,
    made_by    TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
