-- The time line of an order: everything that happened to it. `detail` is a JSON object.
CREATE TABLE events (
    out_trade_no TEXT NOT NULL,
    id           TEXT NOT NULL,
    at           BIGINT NOT NULL,
    kind         TEXT NOT NULL,
    detail       TEXT NOT NULL,
    PRIMARY KEY (out_trade_no, id)
) WITHOUT ROWID;
