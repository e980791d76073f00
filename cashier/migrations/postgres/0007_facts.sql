-- What belongs to this database as a whole: whose it is, secrets made in sandbox mode.
CREATE TABLE facts (
    name  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);
