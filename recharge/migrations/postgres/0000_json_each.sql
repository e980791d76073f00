-- SQLite has json_each(text); with a function of that name here, one text of SQL serves both engines.
CREATE FUNCTION json_each(items text) RETURNS TABLE (value jsonb) LANGUAGE sql IMMUTABLE ROWS 100
AS $$ SELECT jsonb_array_elements(items::jsonb) $$;
