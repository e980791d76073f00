-- Payments without an order, newest first: only these kinds may be some.
CREATE INDEX exceptions_without_order ON exceptions (first_seen_at, id)
    WHERE kind IN ('unknown_order', 'other_app', 'refunded_outside');
