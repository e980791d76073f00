-- The self-check's runs: one instance at a time looks at what moved, and one a day at everything.
CREATE TABLE self_checks (
    what          TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (what IN ('moved', 'whole')),
    -- Which run is under way, and until when no other one begins.
    run           TEXT   NOT NULL,
    claimed_until BIGINT NOT NULL,
    -- The last run that ended; 0: none did.
    begun_at      BIGINT NOT NULL,
    ended_at      BIGINT NOT NULL,
    -- Of 'whole' what that run counted; of 'moved' the most that a run counted since the last 'whole'.
    violations    BIGINT NOT NULL
);
INSERT INTO self_checks (what, run, claimed_until, begun_at, ended_at, violations)
VALUES ('moved', '', 0, 0, 0, 0), ('whole', '', 0, 0, 0, 0);
