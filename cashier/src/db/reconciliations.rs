//! All SQL on `reconciliations` except the claim of a day, which is in `day_claim.rs`: results, failures, what is due.

use std::collections::BTreeSet;

use serde::Serialize;
use sqlx::any::AnyRow;
use wxpay::UnixMillis;
use wxpay::bill::BillDate;

use super::bulk;
use super::day_claim::{Claim, write};
use super::differences::{self, EXPLAINED, IS_OPEN, STILL_LACKING};
use super::row::Row;
use super::{Db, DbError, column};
use recharge::reconciliation::{Difference, Failure, Figures, Reconciliation, pause_ms};

#[derive(Serialize)]
struct End<'a> {
    d: &'a str,
    r: &'a str,
    t: i64,
    f: String,
}

const FINISH: &str = "UPDATE reconciliations SET finished_at = CAST(j.value->>'t' AS BIGINT), \
     figures = j.value->>'f', failed_at = NULL, failure = NULL, failure_text = NULL, attempts = 0, \
     next_at = 0, claimed_until = 0 FROM jsonb_each($1) AS j WHERE reconciliations.day = j.value->>'d'";

/// The comparison is complete: gives the day back. `still_lacking` waited for this day's bill, with WeChat's answer about each
/// as its reason. `false` if the claim is lost.
pub(crate) async fn finish(
    db: &Db,
    claim: &Claim,
    figures: &Figures,
    still_lacking: &[Difference],
    now: UnixMillis,
) -> Result<bool, DbError> {
    let day = claim.date.to_string();
    let figures = serde_json::to_string(figures);
    let f = figures.map_err(DbError::Encode)?;
    let lacking = differences::still_lacking(claim.date.previous(), still_lacking)?;
    let end = bulk::json(&[End { d: &day, r: &claim.run, t: now.get(), f }])?;
    write(db, claim, now, vec![(EXPLAINED, end.clone()), (STILL_LACKING, lacking), (FINISH, end)]).await
}

const FAIL: &str = "UPDATE reconciliations SET failed_at = $1, failure = $2, failure_text = $3, \
     attempts = attempts + 1, next_at = $4, claimed_until = 0 WHERE day = $5 AND run = $6";

/// It could not be completed: gives the day back, and says when it is tried again.
pub(crate) async fn fail(
    db: &Db,
    claim: &Claim,
    (word, text): (&'static str, String),
    now: UnixMillis,
) -> Result<(), DbError> {
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
    db.run_to_completion(failing).await
}

/// The days from `from` on that need no attempt now: done, under way, or to be tried again later.
pub(crate) async fn not_due(db: &Db, from: BillDate, now: UnixMillis) -> Result<BTreeSet<String>, DbError> {
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

/// The latest days first, at most `limit`, or one day.
pub(crate) async fn results(
    db: &Db,
    only: Option<BillDate>,
    limit: i64,
) -> Result<Vec<Reconciliation>, DbError> {
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

fn reconciliation(row: &AnyRow) -> Result<Reconciliation, DbError> {
    let row = Row::of("reconciliations", &["day"], row);
    let failure = match row.time_optional("failed_at")? {
        Some(at) => Some(Failure {
            at,
            word: row.get("failure")?,
            text: row.get("failure_text")?,
            attempts: row.get("attempts")?,
            next_at: row.time("next_at")?,
        }),
        None => None,
    };
    let until = row.time("claimed_until")?;
    Ok(Reconciliation {
        date: row.parse("day", |day| BillDate::parse(&day))?,
        finished_at: row.time_optional("finished_at")?,
        figures: row.parse("figures", |figures| serde_json::from_str(&figures))?,
        open: row.get("open")?,
        differences: row.get("differences")?,
        failure,
        running_until: (until.get() > 0).then_some(until),
    })
}

/// The last day with a complete comparison, and how many differences of all days are open.
pub(crate) async fn overview(db: &Db) -> Result<(Option<BillDate>, i64), DbError> {
    let sql = format!(
        "SELECT (SELECT MAX(day) FROM reconciliations WHERE finished_at IS NOT NULL) AS day, \
         (SELECT COUNT(*) FROM differences AS d WHERE d.done IN ('listed', 'exception') AND {IS_OPEN}) AS open"
    );
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_one(&mut *db.reading().await?).await?;
    let row = Row::of("reconciliations", &["day"], &row);
    Ok((row.parse_optional("day", |day| BillDate::parse(&day))?, row.get("open")?))
}
