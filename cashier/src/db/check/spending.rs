//! What must hold of debits, reversals, holds and grants, and of the numbered rows of the ledger.

use recharge::ledger::LedgerKey;

use super::super::column;
use super::Violation;
use super::look::{Finder, Keys, between};

/// Accounts whose numbered rows are not 1, 2, 3 … without a gap, or do not lead from the opening balance to the present one.
pub(super) fn chains() -> Finder {
    let sql = format!(
        "SELECT a.user_id AS k FROM accounts AS a \
     LEFT JOIN ledger AS l ON l.user_id = a.user_id AND l.seq IS NOT NULL \
     WHERE {} GROUP BY a.user_id, a.entries, a.opening, a.balance \
     HAVING COUNT(l.seq) <> a.entries OR COALESCE(MAX(l.seq), 0) <> a.entries OR COALESCE(MIN(l.seq), 1) <> 1 \
     OR a.opening + COALESCE(SUM(l.amount), 0) <> a.balance",
        between("a.user_id")
    );
    Finder { sql, named: |row| Ok(Violation::Chain { user_id: column(row, "k")? }) }
}

/// Numbered rows whose balance is not that of the row before and their own amount.
pub(super) fn balances_after() -> Finder {
    let sql = format!(
        "SELECT w.user_id AS k, w.seq AS seq FROM (SELECT l.user_id, l.seq, l.balance_after, \
     a.opening + SUM(l.amount) OVER (PARTITION BY l.user_id ORDER BY l.seq) AS sum FROM ledger AS l \
     JOIN accounts AS a ON a.user_id = l.user_id WHERE {} AND l.seq IS NOT NULL) AS w \
     WHERE w.balance_after IS NULL OR w.balance_after <> w.sum",
        between("l.user_id")
    );
    Finder {
        sql,
        named: |row| Ok(Violation::BalanceAfter { user_id: column(row, "k")?, seq: column(row, "seq")? }),
    }
}

/// Accounts of which something else is held than their open holds.
pub(super) fn held(within: &str) -> Finder {
    let sql = format!(
        "SELECT a.user_id AS k, a.held AS held, CAST(COALESCE(SUM(h.amount), 0) AS BIGINT) AS holds \
     FROM accounts AS a LEFT JOIN holds AS h ON h.user_id = a.user_id AND h.state = 'open' \
     WHERE {within} GROUP BY a.user_id, a.held HAVING a.held <> COALESCE(SUM(h.amount), 0)"
    );
    let named = |row: &_| {
        Ok(Violation::Held {
            user_id: column(row, "k")?,
            held: column(row, "held")?,
            holds: column(row, "holds")?,
        })
    };
    Finder { sql, named }
}

/// Debits that are not in the ledger as they are here, whose reversals are not their sum, or that captured a hold that says
/// otherwise.
pub(super) fn debits(within: &str) -> Finder {
    let debit = LedgerKey::DEBIT;
    let sql = format!(
        "SELECT d.id AS k FROM debits AS d LEFT JOIN ledger AS l ON l.out_trade_no = d.id AND l.entry = '{debit}' \
     LEFT JOIN holds AS h ON h.id = d.hold_id WHERE {within} AND (l.entry IS NULL \
     OR l.amount <> -d.amount OR l.user_id <> d.user_id OR l.balance_after <> d.balance_after \
     OR d.reversed <> COALESCE((SELECT SUM(r.amount) FROM reversals AS r WHERE r.debit_id = d.id), 0) \
     OR (d.hold_id IS NOT NULL AND (h.id IS NULL OR h.state <> 'captured' OR h.user_id <> d.user_id)))"
    );
    Finder { sql, named: |row| Ok(Violation::Debit { id: column(row, "k")? }) }
}

/// Holds that were captured without a debit, or have one all the same; open ones of nobody.
pub(super) fn holds(within: &str) -> Finder {
    let sql = format!(
        "SELECT h.id AS k FROM holds AS h LEFT JOIN debits AS d ON d.hold_id = h.id \
     LEFT JOIN accounts AS a ON a.user_id = h.user_id WHERE {within} AND \
     ((h.state = 'captured') <> (d.id IS NOT NULL) OR (h.state = 'open' AND a.user_id IS NULL))"
    );
    Finder { sql, named: |row| Ok(Violation::Hold { id: column(row, "k")? }) }
}

/// Reversals that are not in the ledger as they are here.
pub(super) fn reversals(within: &str) -> Finder {
    let reversal = LedgerKey::REVERSAL;
    let sql = format!(
        "SELECT r.id AS k FROM reversals AS r LEFT JOIN ledger AS l \
     ON l.out_trade_no = r.debit_id AND l.entry = '{reversal}' || r.id \
     WHERE {within} AND (l.entry IS NULL OR l.amount <> r.amount)"
    );
    Finder { sql, named: |row| Ok(Violation::Reversal { id: column(row, "k")? }) }
}

/// Grants that are not in the ledger as they are here.
pub(super) fn grants(within: &str) -> Finder {
    let grant = LedgerKey::GRANT;
    let sql = format!(
        "SELECT g.id AS k FROM grants AS g LEFT JOIN ledger AS l ON l.out_trade_no = g.id AND l.entry = '{grant}' \
     WHERE {within} AND (l.entry IS NULL OR l.amount <> g.amount OR l.user_id <> g.user_id)"
    );
    Finder { sql, named: |row| Ok(Violation::Grant { id: column(row, "k")? }) }
}

/// The conditions, as branches of CASE, under which a row `l` of the ledger has nothing behind it.
pub(super) fn no_reason() -> String {
    let (debit, reversal, grant) = (LedgerKey::DEBIT, LedgerKey::REVERSAL, LedgerKey::GRANT);
    format!(
        "WHEN l.entry = '{debit}' THEN NOT EXISTS (SELECT 1 FROM debits AS d WHERE d.id = l.out_trade_no) \
     WHEN l.entry LIKE '{reversal}%' THEN NOT EXISTS (SELECT 1 FROM reversals AS r JOIN debits AS d \
     ON d.id = r.debit_id WHERE r.id = SUBSTR(l.entry, {id_from}) AND r.debit_id = l.out_trade_no \
     AND d.user_id = l.user_id) \
     WHEN l.entry = '{grant}' THEN NOT EXISTS (SELECT 1 FROM grants AS g WHERE g.id = l.out_trade_no)",
        id_from = reversal.len() + 1
    )
}

// By their numbers, which begin with the second in Beijing in which they were made.
pub(super) const DEBITS: Keys = Keys { table: "debits", column: "id" };
pub(super) const HOLDS: Keys = Keys { table: "holds", column: "id" };
pub(super) const REVERSALS: Keys = Keys { table: "reversals", column: "id" };
pub(super) const GRANTS: Keys = Keys { table: "grants", column: "id" };
