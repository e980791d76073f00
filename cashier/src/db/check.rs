//! The self-check: invariants over all data, checked in windows of keys, so that ten million orders block nothing.

use recharge::ledger::LedgerKey;
use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;

use super::{Db, DbError, column};

mod spending;

/// Rows checked in one statement; each statement sees one snapshot of the database.
const WINDOW: i64 = 2_000;

/// Violations named at most; more are only counted.
const NAMED: usize = 100;

/// The result of a self-check.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    pub orders: u64,
    pub accounts: u64,
    pub refunds: u64,
    pub debits: u64,
    pub holds: u64,
    /// Number of violations.
    pub violations: u64,
    /// The first of them.
    pub named: Vec<Violation>,
}

/// A broken invariant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    #[error("order {out_trade_no} and its credit do not fit each other")]
    Credit { out_trade_no: String },
    #[error("the ledger has a credit for {out_trade_no}, which is no order")]
    NoOrder { out_trade_no: String },
    #[error("the balance of {user_id} is {balance} fen, its ledger sums to {ledger} fen")]
    Balance { user_id: String, balance: i64, ledger: i64 },
    #[error("the ledger has \"{entry}\" of {out_trade_no}, and nothing that stands behind it")]
    NoReason { out_trade_no: String, entry: String },
    #[error("refund {out_refund_no} and what it took from the balance do not fit each other")]
    Refund { out_refund_no: String },
    #[error("a payment of {out_trade_no} has refunds of more than was paid")]
    OverRefunded { out_trade_no: String },
    #[error("the rows of {user_id} in the ledger have a gap, or do not lead to its balance")]
    Chain { user_id: String },
    #[error("row {seq} of {user_id} in the ledger has another balance than the rows up to it")]
    BalanceAfter { user_id: String, seq: i64 },
    #[error("{held} fen of {user_id} are held, its open holds sum to {holds} fen")]
    Held { user_id: String, held: i64, holds: i64 },
    #[error("debit {id} does not fit its row in the ledger, its reversals or its hold")]
    Debit { id: String },
    #[error("hold {id} does not fit its debit or its account")]
    Hold { id: String },
    #[error("reversal {id} does not fit its row in the ledger")]
    Reversal { id: String },
    #[error("grant {id} does not fit its row in the ledger")]
    Grant { id: String },
}

/// Orders whose state, amounts or owner do not fit their one credit in the ledger. (A second credit cannot be: it has the
/// same primary key. A state that its columns do not fit cannot be either: the table refuses it.)
fn credits() -> String {
    let credit = LedgerKey::CREDIT;
    format!(
        "SELECT o.out_trade_no AS k FROM orders AS o LEFT JOIN ledger AS l \
     ON l.out_trade_no = o.out_trade_no AND l.entry = '{credit}' \
     WHERE o.out_trade_no > $1 AND o.out_trade_no <= $2 AND \
     ((o.credited_at IS NULL) <> (l.entry IS NULL) OR (l.entry IS NOT NULL AND \
     (o.state <> 'paid' OR l.amount <> o.total_fee + o.bonus OR l.user_id <> o.user_id)))"
    )
}

/// Rows of the ledger that nothing stands behind: a credit without its order, a payment that was credited without an
/// exception that a person settled so, what a refund, a debit, a reversal or a grant moved without it.
fn no_reason() -> String {
    let (credit_of, refund, returned) = (LedgerKey::CREDIT_OF, LedgerKey::REFUND, LedgerKey::REFUND_RETURNED);
    let spent = spending::no_reason();
    format!(
        "SELECT l.out_trade_no AS k, l.entry AS e FROM ledger AS l LEFT JOIN orders AS o \
     ON o.out_trade_no = l.out_trade_no WHERE l.out_trade_no > $1 AND l.out_trade_no <= $2 AND \
     CASE WHEN l.entry LIKE '{credit_of}%' THEN NOT EXISTS (SELECT 1 FROM exceptions AS x \
     WHERE x.out_trade_no = l.out_trade_no AND l.entry = '{credit_of}' || x.transaction_id \
     AND x.settled_how = 'credited') \
     WHEN l.entry LIKE '{refund}%' OR l.entry LIKE '{returned}%' THEN NOT EXISTS (SELECT 1 FROM refunds AS r \
     WHERE r.out_trade_no = l.out_trade_no AND \
     l.entry IN ('{refund}' || r.out_refund_no, '{returned}' || r.out_refund_no)) \
     {spent} ELSE o.out_trade_no IS NULL END"
    )
}

/// Refunds whose rows in the ledger are not what they took and, if they ended closed, gave back.
fn refunds() -> String {
    let (refund, returned) = (LedgerKey::REFUND, LedgerKey::REFUND_RETURNED);
    format!(
        "SELECT r.out_refund_no AS k FROM refunds AS r \
     LEFT JOIN ledger AS t ON t.out_trade_no = r.out_trade_no AND t.entry = '{refund}' || r.out_refund_no \
     LEFT JOIN ledger AS b ON b.out_trade_no = r.out_trade_no \
     AND b.entry = '{returned}' || r.out_refund_no \
     WHERE r.out_trade_no > $1 AND r.out_trade_no <= $2 AND (COALESCE(t.amount, 0) <> -r.taken \
     OR COALESCE(b.amount, 0) <> CASE WHEN r.state = 'closed' THEN r.taken ELSE 0 END \
     OR (t.entry IS NOT NULL AND t.user_id <> r.user_id) OR (b.entry IS NOT NULL AND b.user_id <> r.user_id))"
    )
}

/// Payments with refunds of ours of more than was paid. (One that was made outside may meet one of ours that WeChat
/// then refuses.)
const OVER_REFUNDED: &str = "SELECT r.out_trade_no AS k FROM refunds AS r LEFT JOIN orders AS o \
     ON o.out_trade_no = r.out_trade_no AND o.transaction_id = r.transaction_id \
     WHERE r.out_trade_no > $1 AND r.out_trade_no <= $2 AND r.state <> 'closed' AND r.made_by_kind <> 'wechat' \
     GROUP BY r.out_trade_no, r.transaction_id HAVING SUM(r.amount) > MIN(COALESCE(o.total_fee, r.total_fee))";

/// Accounts whose balance is not the sum of their ledger.
const BALANCES: &str = "SELECT a.user_id AS k, a.balance AS balance, \
     CAST(COALESCE(SUM(l.amount), 0) AS BIGINT) AS ledger FROM accounts AS a \
     LEFT JOIN ledger AS l ON l.user_id = a.user_id WHERE a.user_id > $1 AND a.user_id <= $2 \
     GROUP BY a.user_id, a.balance HAVING a.balance <> COALESCE(SUM(l.amount), 0)";

/// Movements of users who have no account.
const NO_ACCOUNT: &str = "SELECT l.user_id AS k, CAST(0 AS BIGINT) AS balance, \
     CAST(SUM(l.amount) AS BIGINT) AS ledger FROM ledger AS l LEFT JOIN accounts AS a \
     ON a.user_id = l.user_id WHERE l.user_id > $1 AND l.user_id <= $2 AND a.user_id IS NULL \
     GROUP BY l.user_id";

/// Checks all data once.
///
/// # Errors
/// [`DbError`]; findings made until then are not reported.
pub async fn all(db: &Db) -> Result<Findings, DbError> {
    let mut findings = Findings::default();
    let credit = |row: &AnyRow| Ok(Violation::Credit { out_trade_no: column(row, "k")? });
    let unexplained = |row: &AnyRow| {
        let (out_trade_no, entry): (String, String) = (column(row, "k")?, column(row, "e")?);
        Ok(match LedgerKey::parse(&entry) {
            Some(LedgerKey::Credit) => Violation::NoOrder { out_trade_no },
            _ => Violation::NoReason { out_trade_no, entry },
        })
    };
    let refund = |row: &AnyRow| Ok(Violation::Refund { out_refund_no: column(row, "k")? });
    let over = |row: &AnyRow| Ok(Violation::OverRefunded { out_trade_no: column(row, "k")? });
    let balance = |row: &AnyRow| {
        Ok(Violation::Balance {
            user_id: column(row, "k")?,
            balance: column(row, "balance")?,
            ledger: column(row, "ledger")?,
        })
    };
    findings.orders = windows(db, ORDER_WINDOW, &credits(), credit, &mut findings).await?;
    windows(db, LEDGER_WINDOW, &no_reason(), unexplained, &mut findings).await?;
    findings.refunds = windows(db, REFUND_WINDOW, &refunds(), refund, &mut findings).await?;
    windows(db, REFUND_WINDOW, OVER_REFUNDED, over, &mut findings).await?;
    findings.accounts = windows(db, ACCOUNT_WINDOW, BALANCES, balance, &mut findings).await?;
    windows(db, USER_WINDOW, NO_ACCOUNT, balance, &mut findings).await?;
    spending::all(db, &mut findings).await?;
    Ok(findings)
}

// The last key of the next window after `$1`, and how many rows it has.
const ORDER_WINDOW: &str = "SELECT MAX(k) AS k, COUNT(*) AS n FROM (SELECT out_trade_no AS k \
     FROM orders WHERE out_trade_no > $1 ORDER BY out_trade_no LIMIT $2) AS w";
const LEDGER_WINDOW: &str = "SELECT MAX(k) AS k, COUNT(*) AS n FROM (SELECT out_trade_no AS k \
     FROM ledger WHERE out_trade_no > $1 ORDER BY out_trade_no LIMIT $2) AS w";
const REFUND_WINDOW: &str = "SELECT MAX(k) AS k, COUNT(*) AS n FROM (SELECT out_trade_no AS k \
     FROM refunds WHERE out_trade_no > $1 ORDER BY out_trade_no LIMIT $2) AS w";
const ACCOUNT_WINDOW: &str = "SELECT MAX(k) AS k, COUNT(*) AS n FROM (SELECT user_id AS k \
     FROM accounts WHERE user_id > $1 ORDER BY user_id LIMIT $2) AS w";
const USER_WINDOW: &str = "SELECT MAX(k) AS k, COUNT(*) AS n FROM (SELECT user_id AS k \
     FROM ledger WHERE user_id > $1 ORDER BY user_id LIMIT $2) AS w";

/// Goes through one table window by window; answers how many rows it has.
async fn windows(
    db: &Db,
    window: &'static str,
    violations: &str,
    violation: impl Fn(&AnyRow) -> Result<Violation, DbError>,
    findings: &mut Findings,
) -> Result<u64, DbError> {
    let (mut after, mut rows) = (String::new(), 0);
    loop {
        let row = sqlx::query(window).bind(&after).bind(WINDOW).fetch_one(&mut *db.reading().await?).await?;
        let Some(last) = column::<Option<String>>(&row, "k")? else { return Ok(rows) };
        rows += u64::try_from(column::<i64>(&row, "n")?).unwrap_or_default();
        let query = sqlx::query(AssertSqlSafe(violations)).bind(&after).bind(&last);
        for row in query.fetch_all(&mut *db.reading().await?).await? {
            findings.violations += 1;
            if findings.named.len() < NAMED {
                findings.named.push(violation(&row)?);
            }
        }
        after = last;
        // Other tasks go first: this is never urgent.
        tokio::task::yield_now().await;
    }
}
