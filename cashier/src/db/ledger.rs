//! All SQL on `ledger`: movements of balances, append-only.

use std::sync::LazyLock;

use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;
use wxpay::OutTradeNo;

use super::bulk::{self, Key, Table, number, text};
use super::{Connection, Db, DbError};
use recharge::User;
use recharge::ledger::{LedgerEntry, LedgerKey, Place, Subject};
use recharge::refund::ManualCredit;

/// The columns of a movement.
static LEDGER: LazyLock<Table<LedgerEntry>> = LazyLock::new(|| {
    let columns = vec![
        text("out_trade_no", |entry: &LedgerEntry| entry.subject.as_str().into()),
        text("entry", |entry| entry.key.to_string().into()),
        text("user_id", |entry| entry.user_id.as_str().into()),
        number("amount", |entry| entry.amount.into()),
        number("at", |entry| entry.at.into()),
        text("author", |entry| entry.author.name().into()),
        text("author_kind", |entry| entry.author.kind().into()),
        text("reason", |entry| entry.reason.as_str().into()),
        number("seq", |entry| entry.place.map(|place| place.seq).into()),
        number("balance_after", |entry| entry.place.map(|place| place.balance_after).into()),
    ];
    // No ON CONFLICT: a second credit of an order must fail, not vanish.
    Table::new("ledger", &["out_trade_no", "entry"], columns, "")
});

/// Appends movements.
pub(super) async fn append(connection: &mut Connection, entries: &[LedgerEntry]) -> Result<(), DbError> {
    LEDGER.insert(connection, entries.iter()).await.map(drop)
}

/// The rows of a user, the newest first: those before `before`, at most `limit`. Rows from before they were numbered are not
/// among them; their sum is the account's balance before its first numbered row.
///
/// # Errors
/// [`DbError`].
pub async fn of_user(
    db: &Db,
    user_id: &str,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<LedgerEntry>, DbError> {
    let sql = format!("{} WHERE user_id = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3", LEDGER.select);
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(user_id)
        .bind(before.unwrap_or(i64::MAX))
        .bind(limit)
        .fetch_all(&mut *db.reading().await?)
        .await?;
    rows.iter().map(entry).collect()
}

fn entry(row: &AnyRow) -> Result<LedgerEntry, DbError> {
    let row = LEDGER.row(row);
    let key = row.word("entry", LedgerKey::parse)?;
    let seq: Option<i64> = row.get("seq")?;
    let balance_after = row.fen_optional("balance_after")?;
    Ok(LedgerEntry {
        subject: row.word("out_trade_no", |number| Subject::parse(&key, number))?,
        key,
        user_id: row.get("user_id")?,
        amount: row.fen("amount")?,
        at: row.time("at")?,
        author: row.actor("author_kind", "author")?,
        reason: row.get("reason")?,
        place: seq.zip(balance_after).map(|(seq, balance_after)| Place { seq, balance_after }),
    })
}

// The range of the keys that begin with [`LedgerKey::CREDIT_OF`], which the primary key's index has.
const BY_HAND: &str = "SELECT l.out_trade_no, l.entry, l.user_id, l.amount, a.user_name FROM ledger AS l \
     JOIN accounts AS a ON a.user_id = l.user_id \
     WHERE l.out_trade_no IN (SELECT j.value->>'n' FROM jsonb_each($1) AS j) \
     AND l.entry > $2 AND l.entry < $3";

/// What operators credited of the payments of this order.
pub(crate) async fn credits_by_hand(db: &Db, number: &OutTradeNo) -> Result<Vec<ManualCredit>, DbError> {
    by_hand(&mut *db.reading().await?, &[number.as_str()]).await
}

/// What operators credited of the payments of these orders.
pub(super) async fn by_hand(
    connection: &mut Connection,
    numbers: &[&str],
) -> Result<Vec<ManualCredit>, DbError> {
    let keys: Vec<_> = numbers.iter().map(|n| Key { n }).collect();
    let rows = sqlx::query(BY_HAND)
        .bind(bulk::json(&keys)?)
        .bind(LedgerKey::CREDIT_OF)
        .bind(format!("{}\u{7f}", LedgerKey::CREDIT_OF))
        .fetch_all(connection)
        .await?;
    let by_hand = rows.iter().map(|row| {
        let row = LEDGER.row(row);
        let payment = row.word("entry", |entry| match LedgerKey::parse(entry) {
            Some(LedgerKey::CreditOf(payment)) => Some(payment),
            _ => None,
        })?;
        Ok(ManualCredit {
            out_trade_no: row.parse("out_trade_no", OutTradeNo::parse)?,
            transaction_id: payment,
            user: User { id: row.get("user_id")?, name: row.get("user_name")? },
            amount: row.fen("amount")?,
        })
    });
    by_hand.collect()
}
