//! What must hold of orders, refunds and what they moved.

use recharge::ledger::LedgerKey;
use sqlx::any::AnyRow;

use super::super::{DbError, column};
use super::look::{Finder, Keys, between};
use super::{Violation, spending};

/// Orders whose state, amounts or owner do not fit their one credit in the ledger; what a site sold by 易支付 has none. (A second
/// credit cannot be: it has the same primary key. A state that its columns do not fit cannot be either: the table refuses it.)
pub(super) fn credits(within: &str) -> Finder {
    let (credit, maker) = (LedgerKey::CREDIT, recharge::epay::MAKER_PREFIX);
    let sql = format!(
        "SELECT o.out_trade_no AS k FROM orders AS o LEFT JOIN ledger AS l \
     ON l.out_trade_no = o.out_trade_no AND l.entry = '{credit}' WHERE {within} AND \
     ((o.credited_at IS NULL OR COALESCE(o.made_by, '') LIKE '{maker}%') <> (l.entry IS NULL) OR (l.entry IS NOT NULL AND \
     (o.state <> 'paid' OR l.amount <> o.total_fee + o.bonus OR l.user_id <> o.user_id)))"
    );
    Finder { sql, named: |row| Ok(Violation::Credit { out_trade_no: column(row, "k")? }) }
}

/// Rows of the ledger that nothing stands behind: a credit without its order, a payment that was credited without an
/// exception that a person settled so, what a refund, a debit, a reversal or a grant moved without it.
pub(super) fn no_reason(within: &str) -> Finder {
    let (credit_of, refund, returned) = (LedgerKey::CREDIT_OF, LedgerKey::REFUND, LedgerKey::REFUND_RETURNED);
    let spent = spending::no_reason();
    let sql = format!(
        "SELECT l.out_trade_no AS k, l.entry AS e FROM ledger AS l LEFT JOIN orders AS o \
     ON o.out_trade_no = l.out_trade_no WHERE {within} AND \
     CASE WHEN l.entry LIKE '{credit_of}%' THEN NOT EXISTS (SELECT 1 FROM exceptions AS x \
     WHERE x.out_trade_no = l.out_trade_no AND l.entry = '{credit_of}' || x.transaction_id \
     AND x.settled_how = 'credited') \
     WHEN l.entry LIKE '{refund}%' OR l.entry LIKE '{returned}%' THEN NOT EXISTS (SELECT 1 FROM refunds AS r \
     WHERE r.out_trade_no = l.out_trade_no AND \
     l.entry IN ('{refund}' || r.out_refund_no, '{returned}' || r.out_refund_no)) \
     {spent} ELSE o.out_trade_no IS NULL END"
    );
    let named = |row: &AnyRow| {
        let (out_trade_no, entry): (String, String) = (column(row, "k")?, column(row, "e")?);
        Ok(match LedgerKey::parse(&entry) {
            Some(LedgerKey::Credit) => Violation::NoOrder { out_trade_no },
            _ => Violation::NoReason { out_trade_no, entry },
        })
    };
    Finder { sql, named }
}

/// Refunds whose rows in the ledger are not what they took and, if they ended closed, gave back.
pub(super) fn refunds(within: &str) -> Finder {
    let (refund, returned) = (LedgerKey::REFUND, LedgerKey::REFUND_RETURNED);
    let sql = format!(
        "SELECT r.out_refund_no AS k FROM refunds AS r \
     LEFT JOIN ledger AS t ON t.out_trade_no = r.out_trade_no AND t.entry = '{refund}' || r.out_refund_no \
     LEFT JOIN ledger AS b ON b.out_trade_no = r.out_trade_no \
     AND b.entry = '{returned}' || r.out_refund_no \
     WHERE {within} AND (COALESCE(t.amount, 0) <> -r.taken \
     OR COALESCE(b.amount, 0) <> CASE WHEN r.state = 'closed' THEN r.taken ELSE 0 END \
     OR (t.entry IS NOT NULL AND t.user_id <> r.user_id) OR (b.entry IS NOT NULL AND b.user_id <> r.user_id))"
    );
    Finder { sql, named: |row| Ok(Violation::Refund { out_refund_no: column(row, "k")? }) }
}

/// Payments whose refunds, without the closed ones, add up to more than was paid. Refunds that were made at the merchant platform do not
/// count: one may be made while a refund of this program is on its way, which WeChat then refuses.
pub(super) fn over_refunded(within: &str) -> Finder {
    let sql = format!(
        "SELECT r.out_trade_no AS k FROM refunds AS r LEFT JOIN orders AS o \
     ON o.out_trade_no = r.out_trade_no AND o.transaction_id = r.transaction_id \
     WHERE {within} AND r.state <> 'closed' AND r.made_by_kind <> 'wechat' \
     GROUP BY r.out_trade_no, r.transaction_id HAVING SUM(r.amount) > MIN(COALESCE(o.total_fee, r.total_fee))"
    );
    Finder { sql, named: |row| Ok(Violation::OverRefunded { out_trade_no: column(row, "k")? }) }
}

/// Accounts whose balance is not the sum of their ledger.
pub(super) fn balances() -> Finder {
    let sql = format!(
        "SELECT a.user_id AS k, a.balance AS balance, \
     CAST(COALESCE(SUM(l.amount), 0) AS BIGINT) AS ledger FROM accounts AS a \
     LEFT JOIN ledger AS l ON l.user_id = a.user_id WHERE {} \
     GROUP BY a.user_id, a.balance HAVING a.balance <> COALESCE(SUM(l.amount), 0)",
        between("a.user_id")
    );
    Finder { sql, named: balance }
}

/// Movements of users who have no account.
pub(super) fn no_account() -> Finder {
    let sql = format!(
        "SELECT l.user_id AS k, CAST(0 AS BIGINT) AS balance, \
     CAST(SUM(l.amount) AS BIGINT) AS ledger FROM ledger AS l LEFT JOIN accounts AS a \
     ON a.user_id = l.user_id WHERE {} AND a.user_id IS NULL GROUP BY l.user_id",
        between("l.user_id")
    );
    Finder { sql, named: balance }
}

fn balance(row: &AnyRow) -> Result<Violation, DbError> {
    Ok(Violation::Balance {
        user_id: column(row, "k")?,
        balance: column(row, "balance")?,
        ledger: column(row, "ledger")?,
    })
}

/// Orders by their numbers; and so on.
pub(super) const ORDERS: Keys = Keys { table: "orders", column: "out_trade_no" };
pub(super) const LEDGER: Keys = Keys { table: "ledger", column: "out_trade_no" };
pub(super) const REFUNDS: Keys = Keys { table: "refunds", column: "out_trade_no" };
pub(super) const USERS: Keys = Keys { table: "ledger", column: "user_id" };
/// Orders by when WeChat says they were paid, in milliseconds.
pub(super) const PAID: Keys = Keys { table: "orders", column: "paid_at" };
/// Refunds by when they were asked for, in milliseconds.
pub(super) const REQUESTED: Keys = Keys { table: "refunds", column: "requested_at" };
