-- Who sees to what waits for a person.
CREATE TABLE work_owners (
    kind     TEXT   NOT NULL CHECK (kind IN ('exception', 'refund', 'difference', 'certificate', 'wish')),
    key      TEXT   NOT NULL,
    operator TEXT   NOT NULL,
    taken_at BIGINT NOT NULL,
    PRIMARY KEY (kind, key)
);
