//! All SQL on `reconciliations`. Whoever reconciles a day holds it by a claim that ends by itself; each write begins with
//! that claim, so that one who lost it writes nothing.

use std::collections::BTreeSet;

use serde::Serialize;
use sqlx::any::AnyRow;
use wxpay::UnixMillis;
use wxpay::bill::BillDate;

use super::bulk;
use super::differences::IS_OPEN;
use super::{Db, broken, column};
use recharge::reconciliation::{Failure, Figures, Reconciliation, pause_ms};

/// A claim that is not renewed ends after this: its process is gone. One step of a run takes less than half of it.
pub(crate) const LEASE_MS: i64 = 120_000;

/// The right to write about a day.
#[derive(Debug, Clone)]
pub(crate) struct Claim {
    pub date: BillDate,
    pub run: String,
}

const CLAIM: &str = "INSERT INTO reconciliations (day, run, claimed_until, started_at) \
     VALUES ($1, $2, $3, $4) ON CONFLICT (day) DO UPDATE SET run = excluded.run, \
     claimed_until = excluded.claimed_until, started_at = excluded.started_at \
     WHERE (reconciliations.claimed_until <= $4 OR reconciliations.claimed_until > $3) \
     AND ($5 = 0 OR (reconciliations.finished_at IS NULL AND reconciliations.next_at <= $4))";

/// Takes the day for a run of this name; `None` while somebody else has it, or, with `only_due`, where it is done or not
/// yet to be tried again.
pub(crate) async fn claim(
    db: &Db,
    date: BillDate,
    run: &str,
    now: UnixMillis,
    only_due: bool,
) -> Result<Option<Claim>, sqlx::Error> {
    let claim = Claim { date, run: format!("{date}-{run}") };
    let (db2, claim2) = (db.clone(), claim.clone());
    let claiming = async move {
        let mut transaction = db2.begin().await?;
        let done = sqlx::query(CLAIM)
            .bind(date.to_string())
            .bind(&claim2.run)
            .bind(now.get() + LEASE_MS)
            .bind(now.get())
            .bind(i64::from(only_due))
            .execute(transaction.connection())
            .await?;
        transaction.commit().await?;
        Ok(done.rows_affected() == 1)
    };
    Ok(db.settled(claiming).await?.then_some(claim))
}

const HOLD: &str =
    "UPDATE reconciliations SET claimed_until = $1 WHERE day = $2 AND run = $3 AND claimed_until > 0";

/// One transaction that opens with the claim and renews it. `false`: the claim is lost, and nothing was written.
pub(super) async fn write(
    db: &Db,
    claim: &Claim,
    now: UnixMillis,
    statements: Vec<(&'static str, String)>,
) -> Result<bool, sqlx::Error> {
    let (db2, claim) = (db.clone(), claim.clone());
    let writing = async move {
        let mut transaction = db2.begin().await?;
        let held = sqlx::query(HOLD)
            .bind(now.get() + LEASE_MS)
            .bind(claim.date.to_string())
            .bind(&claim.run)
            .execute(transaction.connection())
            .await?;
        if held.rows_affected() != 1 {
            transaction.rollback().await;
            return Ok(false);
        }
        for (sql, rows) in statements {
            sqlx::query(sql).bind(rows).execute(transaction.connection()).await?;
        }
        transaction.commit().await?;
        Ok(true)
    };
    db.settled(writing).await
}

#[derive(Serialize)]
struct End<'a> {
    d: &'a str,
    /// The day before.
    p: &'a str,
    r: &'a str,
    t: i64,
    f: String,
}

/// What is open from an earlier run and was not found by this one has been explained since.
const EXPLAINED: &str = "UPDATE differences SET done = 'gone' FROM jsonb_each($1) AS j \
     WHERE differences.day = j.value->>'d' AND differences.run <> j.value->>'r' \
     AND differences.done IN ('listed', 'exception')";

/// What the day before lacked and waited for this bill is not in it: news, even where somebody dismissed it before.
const STILL_LACKING: &str = "UPDATE differences SET reason = 'not_in_bill', done = 'listed' \
     FROM jsonb_each($1) AS j \
     WHERE differences.day = j.value->>'p' AND differences.done IN ('listed', 'dismissed') \
     AND differences.reason = 'next_bill_not_made'";

const FINISH: &str = "UPDATE reconciliations SET finished_at = CAST(j.value->>'t' AS BIGINT), \
     figures = j.value->>'f', failed_at = NULL, failure = NULL, failure_text = NULL, attempts = 0, \
     next_at = 0, claimed_until = 0 FROM jsonb_each($1) AS j WHERE reconciliations.day = j.value->>'d'";

/// The comparison is complete: gives the day back. `false` if the claim is lost.
pub(crate) async fn finish(
    db: &Db,
    claim: &Claim,
    figures: &Figures,
    now: UnixMillis,
) -> Result<bool, sqlx::Error> {
    let (day, before) = (claim.date.to_string(), claim.date.previous().to_string());
    let figures = serde_json::to_string(figures);
    let f = figures.map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
    let end = bulk::json(&[End { d: &day, p: &before, r: &claim.run, t: now.get(), f }])?;
    write(db, claim, now, vec![(EXPLAINED, end.clone()), (STILL_LACKING, end.clone()), (FINISH, end)]).await
}

const FAIL: &str = "UPDATE reconciliations SET failed_at = $1, failure = $2, failure_text = $3, \
     attempts = attempts + 1, next_at = $4, claimed_until = 0 WHERE day = $5 AND run = $6";

/// It could not be completed: gives the day back, and says when it is tried again.
pub(crate) async fn fail(
    db: &Db,
    claim: &Claim,
    (word, text): (&'static str, String),
    now: UnixMillis,
) -> Result<(), sqlx::Error> {
    let attempts = sqlx::query("SELECT attempts FROM reconciliations WHERE day = $1")
        .bind(claim.date.to_string())
        .fetch_one(&mut *db.reading().await?)
        .await?;
    let next = now.plus_ms(pause_ms(column(&attempts, "attempts")?));
    let (db2, claim) = (db.clone(), claim.clone());
    let failing = async move {
        let mut transaction = db2.begin().await?;
        sqlx::query(FAIL)
            .bind(now.get())
            .bind(word)
            .bind(text)
            .bind(next.get())
            .bind(claim.date.to_string())
            .bind(&claim.run)
            .execute(transaction.connection())
            .await?;
        transaction.commit().await
    };
    db.settled(failing).await
}

/// The days from `from` on that need no attempt now: done, under way, or to be tried again later.
pub(crate) async fn not_due(
    db: &Db,
    from: BillDate,
    now: UnixMillis,
) -> Result<BTreeSet<String>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT day FROM reconciliations WHERE day >= $1 \
         AND (finished_at IS NOT NULL OR next_at > $2 OR claimed_until > $2)",
    )
    .bind(from.to_string())
    .bind(now.get())
    .fetch_all(&mut *db.reading().await?)
    .await?;
    rows.iter().map(|row| column(row, "day")).collect()
}

/// When the first order was made.
pub(crate) async fn first_order(db: &Db) -> Result<Option<UnixMillis>, sqlx::Error> {
    let row = sqlx::query("SELECT MIN(created_at) AS first FROM orders")
        .fetch_one(&mut *db.reading().await?)
        .await?;
    Ok(column::<Option<i64>>(&row, "first")?.map(UnixMillis::new))
}

/// The latest days first, at most `limit`, or one day.
pub(crate) async fn results(
    db: &Db,
    only: Option<BillDate>,
    limit: i64,
) -> Result<Vec<Reconciliation>, sqlx::Error> {
    let sql = format!(
        "SELECT r.day AS day, finished_at, figures, failed_at, failure, failure_text, attempts, next_at, \
         claimed_until, (SELECT COUNT(*) FROM differences AS d WHERE d.day = r.day AND \
         d.done IN ('listed', 'exception') AND {IS_OPEN}) AS open, \
         (SELECT COUNT(*) FROM differences AS d WHERE d.day = r.day) AS differences \
         FROM reconciliations AS r WHERE r.day >= $1 AND r.day <= $2 ORDER BY r.day DESC LIMIT $3"
    );
    let (from, to) = match only {
        Some(day) => (day.to_string(), day.to_string()),
        None => (String::new(), "9".to_owned()),
    };
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(from).bind(to).bind(limit);
    query.fetch_all(&mut *db.reading().await?).await?.iter().map(reconciliation).collect()
}

fn reconciliation(row: &AnyRow) -> Result<Reconciliation, sqlx::Error> {
    let date = BillDate::parse(&column::<String>(row, "day")?).map_err(|e| broken("day", e))?;
    let figures: String = column(row, "figures")?;
    let failure = match column::<Option<i64>>(row, "failed_at")? {
        Some(at) => Some(Failure {
            at: UnixMillis::new(at),
            word: column(row, "failure")?,
            text: column(row, "failure_text")?,
            attempts: column(row, "attempts")?,
            next_at: UnixMillis::new(column(row, "next_at")?),
        }),
        None => None,
    };
    let until: i64 = column(row, "claimed_until")?;
    Ok(Reconciliation {
        date,
        finished_at: column::<Option<i64>>(row, "finished_at")?.map(UnixMillis::new),
        figures: serde_json::from_str(&figures).map_err(|e| broken("figures", e))?,
        open: column(row, "open")?,
        differences: column(row, "differences")?,
        failure,
        running_until: (until > 0).then_some(UnixMillis::new(until)),
    })
}

/// The last day with a complete comparison, and how many differences of all days are open.
pub(crate) async fn overview(db: &Db) -> Result<(Option<BillDate>, i64), sqlx::Error> {
    let sql = format!(
        "SELECT (SELECT MAX(day) FROM reconciliations WHERE finished_at IS NOT NULL) AS day, \
         (SELECT COUNT(*) FROM differences AS d WHERE d.done IN ('listed', 'exception') AND {IS_OPEN}) AS open"
    );
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_one(&mut *db.reading().await?).await?;
    let day = column::<Option<String>>(&row, "day")?;
    let day = day.map(|day| BillDate::parse(&day)).transpose().map_err(|e| broken("day", e))?;
    Ok((day, column(&row, "open")?))
}
