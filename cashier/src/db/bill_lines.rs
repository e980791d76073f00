//! All SQL on `bill_lines`: the staged lines of a bill, which is used only when all of it has been read.

use std::collections::BTreeSet;

use serde::Serialize;
use wxpay::UnixMillis;
use wxpay::bill::{BillDate, BillRow};

use super::bulk::{self, Key};
use super::day_claim::{Claim, write};
use super::row::Row;
use super::{Db, DbError, column};
use recharge::reconciliation::{Line, key_of};

/// Staged lines deleted in one statement.
const SWEEP: i64 = 5_000;

#[derive(Serialize)]
struct Staged<'a> {
    r: &'a str,
    l: u64,
    k: String,
    d: String,
}

const STAGE: &str = "INSERT INTO bill_lines (run, line, key, document) \
     SELECT j.value->>'r', CAST(j.value->>'l' AS BIGINT), j.value->>'k', j.value->>'d' \
     FROM jsonb_each($1) AS j";

/// Stages lines; `false` if the claim is lost.
pub(crate) async fn stage(
    db: &Db,
    claim: &Claim,
    rows: &[BillRow],
    now: UnixMillis,
) -> Result<bool, DbError> {
    let mut staged = Vec::with_capacity(rows.len());
    for row in rows {
        let d = serde_json::to_string(row).map_err(DbError::Encode)?;
        staged.push(Staged { r: &claim.run, l: row.line, k: key_of(row), d });
    }
    let staged = bulk::json(&staged)?;
    write(db, claim, now, vec![(STAGE, staged)]).await
}

/// The next lines after `after`, at most `limit`.
pub(crate) async fn lines(db: &Db, claim: &Claim, after: i64, limit: i64) -> Result<Vec<Line>, DbError> {
    let rows = sqlx::query(
        "SELECT a.run AS run, a.line AS line, a.document AS document, CAST(CASE WHEN EXISTS (SELECT 1 FROM bill_lines AS b \
         WHERE b.run = a.run AND b.key = a.key AND b.line < a.line) THEN 1 ELSE 0 END AS BIGINT) AS again \
         FROM bill_lines AS a WHERE a.run = $1 AND a.line > $2 ORDER BY a.line LIMIT $3",
    )
    .bind(&claim.run)
    .bind(after)
    .bind(limit)
    .fetch_all(&mut *db.reading().await?)
    .await?;
    rows.iter()
        .map(|row| {
            let row = Row::of("bill_lines", &["run", "line"], row);
            let line = row.parse("document", |document| serde_json::from_str(&document))?;
            Ok(Line { row: line, again: row.flag("again")? })
        })
        .collect()
}

/// Which of these keys the bill has.
pub(crate) async fn present(db: &Db, claim: &Claim, keys: &[String]) -> Result<BTreeSet<String>, DbError> {
    let keys: Vec<_> = keys.iter().map(|n| Key { n }).collect();
    let rows = sqlx::query(
        "SELECT DISTINCT key FROM bill_lines WHERE run = $1 \
         AND key IN (SELECT j.value->>'n' FROM jsonb_each($2) AS j)",
    )
    .bind(&claim.run)
    .bind(bulk::json(&keys)?)
    .fetch_all(&mut *db.reading().await?)
    .await?;
    rows.iter().map(|row| column(row, "key")).collect()
}

/// Deletes the staged lines of this day, of this run and of those that were interrupted, in short transactions.
pub(crate) async fn sweep(db: &Db, date: BillDate, but: Option<&Claim>) -> Result<(), DbError> {
    let (from, to) = (format!("{date}-"), format!("{date}."));
    let but = but.map_or(String::new(), |claim| claim.run.clone());
    loop {
        let (db2, from, to, but) = (db.clone(), from.clone(), to.clone(), but.clone());
        let sweeping = async move {
            let mut transaction = db2.begin().await?;
            let done = sqlx::query(
                "DELETE FROM bill_lines WHERE (run, line) IN (SELECT run, line FROM bill_lines \
                 WHERE run >= $1 AND run < $2 AND run <> $3 LIMIT $4)",
            )
            .bind(from)
            .bind(to)
            .bind(but)
            .bind(SWEEP)
            .execute(transaction.connection())
            .await?;
            transaction.commit().await?;
            Ok(done.rows_affected())
        };
        if db.run_to_completion(sweeping).await? == 0 {
            return Ok(());
        }
    }
}
