-- New databases sign with HMAC-SHA256 unless a setting says otherwise; those that were in use before go on with MD5.
INSERT INTO facts (name, value) SELECT 'sign_type', 'MD5' WHERE EXISTS (SELECT 1 FROM facts WHERE name = 'identity');
