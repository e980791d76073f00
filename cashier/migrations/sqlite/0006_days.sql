-- Sums by day in Beijing time, kept by whoever commits money, so that no page has to count.
CREATE TABLE days (
    day       TEXT NOT NULL PRIMARY KEY,
    orders    BIGINT NOT NULL DEFAULT 0,
    paid      BIGINT NOT NULL DEFAULT 0,
    paid_fen  BIGINT NOT NULL DEFAULT 0,
    by_query  BIGINT NOT NULL DEFAULT 0
);
