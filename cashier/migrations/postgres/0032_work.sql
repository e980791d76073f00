-- Who sees to what waits for a person.
CREATE TABLE work_owners (
    kind     TEXT COLLATE "C" NOT NULL CHECK (kind IN ('exception', 'refund', 'difference', 'certificate', 'wish')),
    key      TEXT COLLATE "C" NOT NULL,
    operator TEXT COLLATE "C" NOT NULL,
    taken_at BIGINT NOT NULL,
    PRIMARY KEY (kind, key)
);
