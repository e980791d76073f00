-- Where the site is told of events, and how that goes.
CREATE TABLE webhook_endpoints (
    id           TEXT NOT NULL PRIMARY KEY,
    url          TEXT NOT NULL,
    -- Types of events, separated by blanks; none: all that are not only for those who ask by name.
    types        TEXT NOT NULL,
    description  TEXT NOT NULL,
    -- Deliveries a second of events that are late.
    per_s        BIGINT NOT NULL CHECK (per_s >= 1),
    -- Sealed; the one before is used beside it until its end.
    secret       TEXT NOT NULL,
    old_secret   TEXT,
    old_until    BIGINT,
    -- The last event of the outbox whose delivery was put down, or was not wanted.
    position     BIGINT NOT NULL,
    -- Failures since the last success, and since when.
    failures     BIGINT NOT NULL,
    failing_since BIGINT,
    succeeded_at BIGINT,
    -- When an ill endpoint is tried next.
    probe_at     BIGINT,
    probes       BIGINT NOT NULL,
    disabled_at  BIGINT,
    disabled_why TEXT,
    made_by      TEXT NOT NULL,
    created_at   BIGINT NOT NULL,
    -- Of what a person or program can change of it.
    version      BIGINT NOT NULL,
    CHECK ((old_secret IS NULL) = (old_until IS NULL)),
    CHECK ((disabled_at IS NULL) = (disabled_why IS NULL))
);

-- One event for one endpoint.
CREATE TABLE webhook_deliveries (
    endpoint TEXT NOT NULL,
    -- Of the event in the outbox.
    seq      BIGINT NOT NULL,
    subject  TEXT NOT NULL,
    state    TEXT NOT NULL CHECK (state IN ('waiting', 'delivered', 'given_up')),
    -- When it is tried, or, while it is being tried, when others may try it.
    due_at   BIGINT,
    -- How often it was sent; a try that was overtaken does not write its result.
    sent     BIGINT NOT NULL,
    -- Failures that count on the schedule.
    tries    BIGINT NOT NULL,
    first_at BIGINT,
    ended_at BIGINT,
    PRIMARY KEY (endpoint, seq),
    CHECK ((state = 'waiting') = (due_at IS NOT NULL)),
    CHECK ((state = 'waiting') = (ended_at IS NULL))
);
CREATE INDEX deliveries_due ON webhook_deliveries (endpoint, due_at, seq) WHERE due_at IS NOT NULL;
CREATE INDEX deliveries_line ON webhook_deliveries (endpoint, subject, seq) WHERE due_at IS NOT NULL;
CREATE INDEX deliveries_given_up ON webhook_deliveries (endpoint, seq) WHERE state = 'given_up';

-- What each try met.
CREATE TABLE webhook_attempts (
    endpoint TEXT NOT NULL,
    seq      BIGINT NOT NULL,
    n        BIGINT NOT NULL,
    at       BIGINT NOT NULL,
    took_ms  BIGINT NOT NULL,
    status   BIGINT,
    -- A word; empty of one that succeeded.
    problem  TEXT,
    -- The address that it was sent to.
    address  TEXT,
    -- The beginning of what was answered.
    reply    TEXT NOT NULL,
    PRIMARY KEY (endpoint, seq, n)
);
CREATE INDEX attempts_by_time ON webhook_attempts (at);
