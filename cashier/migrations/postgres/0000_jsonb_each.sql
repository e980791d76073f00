-- SQLite has jsonb_each(text), which hands out each item of an array without writing it out as text again; with a function
-- of that name here, one text of SQL serves both engines.
CREATE FUNCTION jsonb_each(items text) RETURNS TABLE (value jsonb) LANGUAGE sql IMMUTABLE ROWS 100
AS $$ SELECT jsonb_array_elements(items::jsonb) $$;
