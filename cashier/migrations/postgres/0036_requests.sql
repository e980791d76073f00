-- The request in which it happened, as lines of the log name it; empty where the program acted by itself.
ALTER TABLE events ADD COLUMN request_id TEXT;
