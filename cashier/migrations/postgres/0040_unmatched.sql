-- Payments that match no order can be exported too.
ALTER TABLE exports DROP CONSTRAINT exports_list_check;
ALTER TABLE exports ADD CONSTRAINT exports_list_check CHECK (list IN ('orders', 'refunds', 'ledger', 'bill', 'unmatched'));
