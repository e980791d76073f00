//! All SQL on `differences`: what bill and books do not agree on, by day.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde::Serialize;
use sqlx::any::AnyRow;
use wxpay::bill::{BillDate, BillRow};
use wxpay::{Fen, UnixMillis};

use super::audit;
use super::bulk::{self, Table, number, read_only, text};
use super::day_claim::{Claim, write};
use super::{Db, DbError};
use recharge::audit::AuditEntry;
use recharge::exception::ExceptionId;
use recharge::reconciliation::{Difference, DifferenceKind, Dismissal, Done, key_of, reason};

/// Open: listed, or among the exceptions and unresolved there.
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

/// A difference as a run of a day found it.
struct FoundBy {
    day: String,
    run: String,
    difference: Difference,
}

/// The columns of a difference.
static DIFFERENCES: LazyLock<Table<FoundBy>> = LazyLock::new(|| {
    let columns = vec![
        text("day", |found: &FoundBy| found.day.as_str().into()),
        text("kind", |found: &FoundBy| found.difference.kind.name().into()),
        text("key", |found: &FoundBy| found.difference.key.as_str().into()),
        text("run", |found: &FoundBy| found.run.as_str().into()).unread(),
        number("line", |found: &FoundBy| found.difference.line.into()),
        text("out_trade_no", |found: &FoundBy| found.difference.out_trade_no.as_str().into()),
        text("transaction_id", |found: &FoundBy| found.difference.transaction_id.as_str().into()),
        text("out_refund_no", |found: &FoundBy| found.difference.out_refund_no.as_str().into()),
        number("theirs", |found: &FoundBy| found.difference.theirs.into()),
        number("ours", |found: &FoundBy| found.difference.ours.into()),
        text("done", |found: &FoundBy| found.difference.done.name().into()),
        text("exception", |found: &FoundBy| {
            found.difference.exception.as_ref().map(ToString::to_string).into()
        }),
        text("reason", |found: &FoundBy| found.difference.reason.as_str().into()),
        number("first_seen_at", |found: &FoundBy| found.difference.first_seen_at.into()),
        read_only("dismissed_at"),
        read_only("dismissed_by"),
        read_only("dismissed_reason"),
    ];
    Table::new("differences", &["day", "kind", "key"], columns, FOUND_AGAIN)
});

// The same difference found again keeps the time at which it was seen first, and stays dismissed while nothing else is known of
// it; nothing else of its former state is kept.
const FOUND_AGAIN: &str = "ON CONFLICT (day, kind, key) DO UPDATE SET run = excluded.run, line = excluded.line, \
     out_trade_no = excluded.out_trade_no, transaction_id = excluded.transaction_id, \
     out_refund_no = excluded.out_refund_no, theirs = excluded.theirs, ours = excluded.ours, \
     done = CASE WHEN differences.done = 'dismissed' AND excluded.done = 'listed' \
     AND differences.theirs IS NOT DISTINCT FROM excluded.theirs \
     AND differences.ours IS NOT DISTINCT FROM excluded.ours AND differences.reason = excluded.reason \
     THEN 'dismissed' ELSE excluded.done END, exception = excluded.exception, reason = excluded.reason";

/// Stores differences of the claimed day; `false` if the claim is lost.
pub(crate) async fn keep(
    db: &Db,
    claim: &Claim,
    differences: &[Difference],
    now: UnixMillis,
) -> Result<bool, DbError> {
    let found_by = |difference: &Difference| FoundBy {
        day: claim.date.to_string(),
        run: claim.run.clone(),
        difference: difference.clone(),
    };
    let found: Vec<_> = differences.iter().map(found_by).collect();
    let rows: Vec<_> = found.iter().map(|found| DIFFERENCES.inserted(found)).collect();
    write(db, claim, now, vec![(&DIFFERENCES.insert, bulk::json(&rows)?)]).await
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
    let sql = "SELECT 1 AS one FROM differences WHERE day <> $1 AND done = 'listed' \
         AND kind IN ('not_there', 'refund_not_there') LIMIT 1";
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

/// The listed differences of all days, the oldest day first, at most `limit`. Those among the exceptions wait there.
pub(crate) async fn listed(db: &Db, limit: i64) -> Result<Vec<(BillDate, Difference)>, DbError> {
    // Written as in its definition, so that the index of the open ones serves it.
    let sql = format!(
        "SELECT {}, CAST(1 AS BIGINT) AS open FROM differences AS d \
         WHERE d.done IN ('listed', 'exception') AND d.done = 'listed' ORDER BY day, kind, key LIMIT $1",
        DIFFERENCES.list
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(limit).fetch_all(&mut *db.reading().await?).await?;
    let one =
        |row| Ok((DIFFERENCES.row(row).parse("day", |day: String| BillDate::parse(&day))?, difference(row)?));
    rows.iter().map(one).collect()
}

/// What a day's bill lacks and the next day's may have, listed or dismissed: open questions once that bill has been read. They
/// are answered as not in the bill, about which WeChat is asked.
pub(crate) async fn waiting_for_next(db: &Db, date: BillDate) -> Result<Vec<Difference>, DbError> {
    let sql =
        format!("{} AND d.reason = $2 AND d.done IN ('listed', 'dismissed') ORDER BY kind, key", of_days());
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(date.to_string()).bind(reason::NEXT_BILL_NOT_MADE);
    let found: Result<Vec<_>, _> =
        query.fetch_all(&mut *db.reading().await?).await?.iter().map(difference).collect();
    Ok(found?.into_iter().map(|found| found.because(reason::NOT_IN_BILL)).collect())
}

fn of_days() -> String {
    format!(
        "SELECT {}, CAST(CASE WHEN {IS_OPEN} THEN 1 ELSE 0 END AS BIGINT) AS open \
         FROM differences AS d WHERE d.day = $1",
        DIFFERENCES.list
    )
}

fn difference(row: &AnyRow) -> Result<Difference, DbError> {
    let row = DIFFERENCES.row(row);
    let done = row.word("done", Done::from_name)?;
    Ok(Difference {
        kind: row.word("kind", DifferenceKind::from_name)?,
        key: row.get("key")?,
        line: row.get("line")?,
        out_trade_no: row.get("out_trade_no")?,
        transaction_id: row.get("transaction_id")?,
        out_refund_no: row.get("out_refund_no")?,
        theirs: row.fen_optional("theirs")?,
        ours: row.fen_optional("ours")?,
        done,
        exception: row.word_optional("exception", ExceptionId::parse)?,
        reason: row.get("reason")?,
        first_seen_at: row.time("first_seen_at")?,
        is_open: row.flag("open")?,
        dismissal: match row.time_optional("dismissed_at")?.filter(|_| done == Done::Dismissed) {
            Some(at) => {
                Some(Dismissal { at, by: row.get("dismissed_by")?, reason: row.get("dismissed_reason")? })
            }
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
        audit::commit_change(&db2, transaction, &moved, &audit).await
    };
    db.run_to_completion(dismissing).await
}
