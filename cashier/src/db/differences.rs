//! All SQL on `differences`: what bill and books do not agree on, by day.

use std::collections::BTreeSet;

use serde::Serialize;
use sqlx::any::AnyRow;
use wxpay::bill::{BillDate, BillRow};
use wxpay::{Fen, UnixMillis};

use super::bulk;
use super::day_claim::{Claim, write};
use super::operators;
use super::{Db, DbError, Table, column};
use recharge::audit::AuditEntry;
use recharge::exception::ExceptionId;
use recharge::reconciliation::{Difference, DifferenceKind, Dismissal, Done, key_of, reason};

const TABLE: Table = Table { name: "differences", key: &["day", "kind", "key"] };

/// Open: listed, or among the exceptions and not settled there.
pub(super) const IS_OPEN: &str = "(d.done = 'listed' OR (d.done = 'exception' AND NOT EXISTS (SELECT 1 FROM exceptions \
     AS e WHERE e.id = d.exception AND e.settled_at IS NOT NULL)))";

/// Ends what an earlier run found and this one did not: it has been explained since.
pub(super) const EXPLAINED: &str = "UPDATE differences SET done = 'gone' FROM jsonb_each($1) AS j \
     WHERE differences.day = j.value->>'d' AND differences.run <> j.value->>'r' \
     AND differences.done IN ('listed', 'exception')";

/// Reopens what the day before lacked and waited for this bill to have, with WeChat's answer about it as the reason: it is not
/// in the bill, so even a dismissed one is open again.
pub(super) const STILL_LACKING: &str = "UPDATE differences SET reason = j.value->>'w', done = 'listed' \
     FROM jsonb_each($1) AS j \
     WHERE differences.day = j.value->>'d' AND differences.kind = j.value->>'k' \
     AND differences.key = j.value->>'y' AND differences.done IN ('listed', 'dismissed') \
     AND differences.reason = 'next_bill_not_made'";

#[derive(Serialize)]
struct Lacking<'a> {
    d: &'a str,
    k: &'a str,
    y: &'a str,
    w: &'a str,
}

/// The rows of [`STILL_LACKING`]: differences of `day`.
pub(super) fn still_lacking(day: BillDate, found: &[Difference]) -> Result<String, DbError> {
    let d = &day.to_string();
    let rows = found.iter();
    let rows: Vec<_> =
        rows.map(|found| Lacking { d, k: found.kind.name(), y: &found.key, w: &found.reason }).collect();
    bulk::json(&rows)
}

#[derive(Serialize)]
struct Row<'a> {
    d: &'a str,
    k: &'a str,
    y: &'a str,
    r: &'a str,
    l: Option<i64>,
    n: &'a str,
    x: &'a str,
    rn: &'a str,
    th: Option<i64>,
    o: Option<i64>,
    dn: &'a str,
    e: Option<String>,
    w: &'a str,
    t: i64,
}

// The same difference found again keeps the time at which it was seen first, and stays dismissed while nothing else is
// known of it; nothing else of what it was is kept.
const KEEP: &str = "INSERT INTO differences (day, kind, key, run, line, out_trade_no, transaction_id, \
     out_refund_no, theirs, ours, done, exception, reason, first_seen_at) \
     SELECT j.value->>'d', j.value->>'k', j.value->>'y', j.value->>'r', CAST(j.value->>'l' AS BIGINT), \
     j.value->>'n', j.value->>'x', j.value->>'rn', CAST(j.value->>'th' AS BIGINT), \
     CAST(j.value->>'o' AS BIGINT), j.value->>'dn', j.value->>'e', j.value->>'w', \
     CAST(j.value->>'t' AS BIGINT) FROM jsonb_each($1) AS j WHERE true \
     ON CONFLICT (day, kind, key) DO UPDATE SET run = excluded.run, line = excluded.line, \
     out_trade_no = excluded.out_trade_no, transaction_id = excluded.transaction_id, \
     out_refund_no = excluded.out_refund_no, theirs = excluded.theirs, ours = excluded.ours, \
     done = CASE WHEN differences.done = 'dismissed' AND excluded.done = 'listed' \
     AND differences.theirs IS NOT DISTINCT FROM excluded.theirs \
     AND differences.ours IS NOT DISTINCT FROM excluded.ours AND differences.reason = excluded.reason \
     THEN 'dismissed' ELSE excluded.done END, exception = excluded.exception, reason = excluded.reason";

/// Keeps differences of the claimed day; `false` if the claim is lost.
pub(crate) async fn keep(
    db: &Db,
    claim: &Claim,
    differences: &[Difference],
    now: UnixMillis,
) -> Result<bool, DbError> {
    let day = claim.date.to_string();
    let rows: Vec<_> = differences
        .iter()
        .map(|difference| Row {
            d: &day,
            k: difference.kind.name(),
            y: &difference.key,
            r: &claim.run,
            l: difference.line,
            n: &difference.out_trade_no,
            x: &difference.transaction_id,
            rn: &difference.out_refund_no,
            th: difference.theirs.map(Fen::get),
            o: difference.ours.map(Fen::get),
            dn: difference.done.name(),
            e: difference.exception.as_ref().map(ExceptionId::to_string),
            w: &difference.reason,
            t: difference.first_seen_at.get(),
        })
        .collect();
    let rows = bulk::json(&rows)?;
    write(db, claim, now, vec![(KEEP, rows)]).await
}

#[derive(Serialize)]
struct Found<'a> {
    y: &'a str,
    b: &'a str,
}

const FOUND: &str = "UPDATE differences SET done = 'gone', reason = j.value->>'b' \
     FROM jsonb_each($1) AS j WHERE differences.key = j.value->>'y' AND differences.day <> j.value->>'b' \
     AND differences.kind IN ('not_there', 'refund_not_there') AND differences.done IN ('listed', 'dismissed')";

/// What the bill of its own day lacks may stand in another day's, `bill`, which has `rows`: then it is explained.
pub(crate) async fn found_in_bill(
    db: &Db,
    claim: &Claim,
    bill: BillDate,
    rows: &[BillRow],
    now: UnixMillis,
) -> Result<bool, DbError> {
    let bill = bill.to_string();
    let keys: BTreeSet<_> = rows.iter().map(key_of).collect();
    let found: Vec<_> = keys.iter().map(|y| Found { y, b: &bill }).collect();
    let found = bulk::json(&found)?;
    write(db, claim, now, vec![(FOUND, found)]).await
}

/// Whether the books of another day have something that its bill lacks.
pub(crate) async fn others_lack(db: &Db, but: BillDate) -> Result<bool, DbError> {
    let sql = "SELECT 1 AS one FROM differences WHERE day <> $1 AND done = 'listed' AND kind IN ('not_there', 'refund_not_there') LIMIT 1";
    Ok(sqlx::query(sql).bind(but.to_string()).fetch_optional(&mut *db.reading().await?).await?.is_some())
}

/// One difference of a day.
pub(crate) async fn find(
    db: &Db,
    date: BillDate,
    kind: DifferenceKind,
    key: &str,
) -> Result<Option<Difference>, DbError> {
    let sql = format!("{} AND d.kind = $2 AND d.key = $3", of_days());
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(date.to_string()).bind(kind.name()).bind(key);
    query.fetch_optional(&mut *db.reading().await?).await?.as_ref().map(difference).transpose()
}

/// The differences of a day, open ones first, at most `limit`.
pub(crate) async fn of_day(db: &Db, date: BillDate, limit: i64) -> Result<Vec<Difference>, DbError> {
    let sql = format!("{} ORDER BY open DESC, kind, line, key LIMIT $2", of_days());
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(date.to_string()).bind(limit);
    query.fetch_all(&mut *db.reading().await?).await?.iter().map(difference).collect()
}

/// What a day's bill lacks and the next day's may have, listed or dismissed: open questions once that bill has been read. They
/// are answered as not in the bill, about which WeChat is asked.
pub(crate) async fn waiting_for_next(db: &Db, date: BillDate) -> Result<Vec<Difference>, DbError> {
    let sql = format!("{} AND d.reason = $2 AND d.done IN ('listed', 'dismissed')", of_days());
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(date.to_string()).bind(reason::NEXT_BILL_NOT_MADE);
    let found: Result<Vec<_>, _> =
        query.fetch_all(&mut *db.reading().await?).await?.iter().map(difference).collect();
    Ok(found?.into_iter().map(|found| found.because(reason::NOT_IN_BILL)).collect())
}

fn of_days() -> String {
    format!(
        "SELECT day, kind, key, line, out_trade_no, transaction_id, out_refund_no, theirs, ours, done, exception, \
         reason, first_seen_at, dismissed_at, dismissed_by, dismissed_reason, CAST(CASE WHEN {IS_OPEN} THEN 1 ELSE 0 END AS BIGINT) AS open \
         FROM differences AS d WHERE d.day = $1"
    )
}

fn difference(row: &AnyRow) -> Result<Difference, DbError> {
    let done = TABLE.word(row, "done", Done::from_name)?;
    Ok(Difference {
        kind: TABLE.word(row, "kind", DifferenceKind::from_name)?,
        key: column(row, "key")?,
        line: column(row, "line")?,
        out_trade_no: column(row, "out_trade_no")?,
        transaction_id: column(row, "transaction_id")?,
        out_refund_no: column(row, "out_refund_no")?,
        theirs: column::<Option<i64>>(row, "theirs")?.map(Fen::new),
        ours: column::<Option<i64>>(row, "ours")?.map(Fen::new),
        done,
        exception: match column::<Option<String>>(row, "exception")? {
            Some(_) => Some(TABLE.word(row, "exception", ExceptionId::parse)?),
            None => None,
        },
        reason: column(row, "reason")?,
        first_seen_at: UnixMillis::new(column(row, "first_seen_at")?),
        is_open: column::<i64>(row, "open")? != 0,
        dismissal: match column::<Option<i64>>(row, "dismissed_at")?.filter(|_| done == Done::Dismissed) {
            Some(at) => Some(Dismissal {
                at: UnixMillis::new(at),
                by: column(row, "dismissed_by")?,
                reason: column(row, "dismissed_reason")?,
            }),
            None => None,
        },
    })
}

#[derive(Serialize)]
struct Dismissed<'a> {
    d: String,
    k: &'a str,
    y: &'a str,
    th: Option<i64>,
    o: Option<i64>,
    w: &'a str,
    t: i64,
    b: &'a str,
    r: &'a str,
}

const DISMISS: &str = "UPDATE differences SET done = 'dismissed', dismissed_at = CAST(j.value->>'t' AS BIGINT), \
     dismissed_by = j.value->>'b', dismissed_reason = j.value->>'r' FROM jsonb_each($1) AS j \
     WHERE differences.day = j.value->>'d' AND differences.kind = j.value->>'k' \
     AND differences.key = j.value->>'y' AND differences.done = 'listed' \
     AND differences.theirs IS NOT DISTINCT FROM CAST(j.value->>'th' AS BIGINT) \
     AND differences.ours IS NOT DISTINCT FROM CAST(j.value->>'o' AS BIGINT) \
     AND differences.reason = j.value->>'w'";

/// Dismisses a difference as it was read, with a row of the audit; `false` if it is another by now, or not open.
pub(crate) async fn dismiss(
    db: &Db,
    date: BillDate,
    read: &Difference,
    dismissal: &Dismissal,
    audit: AuditEntry,
) -> Result<bool, DbError> {
    let row = Dismissed {
        d: date.to_string(),
        k: read.kind.name(),
        y: &read.key,
        th: read.theirs.map(Fen::get),
        o: read.ours.map(Fen::get),
        w: &read.reason,
        t: dismissal.at.get(),
        b: &dismissal.by,
        r: &dismissal.reason,
    };
    let (db2, row) = (db.clone(), bulk::json(&[row])?);
    let dismissing = async move {
        let mut transaction = db2.begin().await?;
        let moved = sqlx::query(DISMISS).bind(row).execute(transaction.connection()).await?;
        if moved.rows_affected() != 1 {
            transaction.rollback().await;
            return Ok(false);
        }
        operators::record_all(transaction.connection(), &db2.random, &[audit]).await?;
        transaction.commit().await?;
        Ok(true)
    };
    db.run_to_completion(dismissing).await
}
