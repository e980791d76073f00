//! Rows of the whole ledger in the order of time, for exports; and the sums of its days, for the monthly statement.

use std::collections::BTreeMap;

use recharge::statement::Motion;
use sqlx::any::AnyRow;
use wxpay::bill::BillDate;
use wxpay::{Fen, UnixMillis};

use super::order_filter::Span;
use super::row::Row;
use super::{Db, DbError, column};

/// A row of the ledger as it stands there: sites write rows of their own, too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerRow {
    pub at: UnixMillis,
    /// What it belongs to: the number of an order, a debit, a grant.
    pub number: String,
    /// What it is for, as stored.
    pub entry: String,
    pub user_id: String,
    pub amount: Fen,
    pub seq: Option<i64>,
    pub balance_after: Option<Fen>,
    pub author: String,
    /// What kind of actor the author is, as stored.
    pub author_kind: String,
    pub reason: String,
}

/// The key of the row that a page ends with.
pub type After = (UnixMillis, String, String);

fn ledger_row(row: &AnyRow) -> Result<LedgerRow, DbError> {
    let row = Row::of("ledger", &["out_trade_no", "entry"], row);
    Ok(LedgerRow {
        at: row.time("at")?,
        number: row.get("out_trade_no")?,
        entry: row.get("entry")?,
        user_id: row.get("user_id")?,
        amount: row.fen("amount")?,
        seq: row.get("seq")?,
        balance_after: row.fen_optional("balance_after")?,
        author: row.get("author")?,
        author_kind: row.get("author_kind")?,
        reason: row.get("reason")?,
    })
}

/// Up to `limit` rows of a span, oldest first, those behind `after`.
///
/// # Errors
/// [`DbError`].
pub async fn rows(db: &Db, span: Span, after: Option<&After>, limit: i64) -> Result<Vec<LedgerRow>, DbError> {
    const ROWS: &str = "SELECT at, out_trade_no, entry, user_id, amount, seq, balance_after, author, author_kind, reason FROM ledger \
         WHERE (at, out_trade_no, entry) > ($1, $2, $3) AND at < $4 ORDER BY at, out_trade_no, entry LIMIT $5";
    let first = span.from.map_or(i64::MIN, UnixMillis::get);
    let (at, number, entry) = match after {
        Some((at, number, entry)) => (at.get(), number.as_str(), entry.as_str()),
        // Nothing is empty, so this is before the first row of that moment.
        None => (first, "", ""),
    };
    let rows = sqlx::query(ROWS)
        .bind(at)
        .bind(number.to_owned())
        .bind(entry.to_owned())
        .bind(span.to.map_or(i64::MAX, UnixMillis::get))
        .bind(limit)
        .fetch_all(&mut *db.reading().await?)
        .await?;
    rows.iter().map(ledger_row).collect()
}

/// What all accounts had before `at`, together. Accounts and ledger are read in one statement, so that nothing moves between.
///
/// # Errors
/// [`DbError`].
pub async fn balance_before(db: &Db, at: UnixMillis) -> Result<Fen, DbError> {
    const BEFORE: &str = "SELECT CAST((SELECT COALESCE(SUM(balance), 0) FROM accounts) - \
         (SELECT COALESCE(SUM(amount), 0) FROM ledger WHERE at >= $1) AS BIGINT) AS fen";
    let row = sqlx::query(BEFORE).bind(at.get()).fetch_one(&mut *db.reading().await?).await?;
    Ok(Fen::new(column(&row, "fen")?))
}

/// What moved balances on a day, by kind.
///
/// # Errors
/// [`DbError`].
pub async fn of_day(db: &Db, day: BillDate) -> Result<BTreeMap<Motion, Fen>, DbError> {
    // The beginning of a key ([`recharge::ledger::LedgerKey`]) says what it is; what follows differs from row to row.
    const SUMS: &str = "SELECT CASE WHEN entry LIKE 'credit %' THEN 'credit' WHEN entry LIKE 'refund %' THEN 'refund' \
         WHEN entry LIKE 'refund-returned %' THEN 'refund-returned' WHEN entry LIKE 'reversal %' THEN 'reversal' \
         ELSE entry END AS kind, CAST(SUM(amount) AS BIGINT) AS fen FROM ledger WHERE at >= $1 AND at < $2 GROUP BY 1";
    let rows = sqlx::query(SUMS)
        .bind(day.start().get())
        .bind(day.next().start().get())
        .fetch_all(&mut *db.reading().await?)
        .await?;
    let mut sums = BTreeMap::new();
    for row in &rows {
        let kind: String = column(row, "kind")?;
        let fen = Fen::new(column(row, "fen")?);
        let sum: &mut Fen = sums.entry(Motion::of(&kind)).or_default();
        *sum = sum.checked_add(fen).unwrap_or(*sum);
    }
    Ok(sums)
}
