-- How much of an order's bonus is for the first order of its account.
ALTER TABLE orders ADD COLUMN first_bonus BIGINT NOT NULL DEFAULT 0;

-- The one order of an account that carries that bonus, while it is open and for ever once it is paid: the primary key allows no second.
CREATE TABLE first_bonuses (
    user_id      TEXT NOT NULL PRIMARY KEY,
    out_trade_no TEXT NOT NULL UNIQUE
);
