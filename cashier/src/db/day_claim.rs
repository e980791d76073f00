//! The lease on a day of reconciliation: one run at a time writes about a day, and each of its writes begins with the lease, so
//! that a run that lost it writes nothing.

use recharge::lease::CLOCKS_APART_MS;
use wxpay::UnixMillis;
use wxpay::bill::BillDate;

use super::{Db, DbError};

/// Lifetime of a claim that is not renewed, in milliseconds; one step of a run takes less than half of it.
pub(crate) const LEASE_MS: i64 = 120_000;

/// The right of one run to write about a day.
#[derive(Debug, Clone)]
pub(crate) struct Claim {
    pub date: BillDate,
    pub run: String,
}

const CLAIM: &str = "INSERT INTO reconciliations (day, run, claimed_until, started_at) \
     VALUES ($1, $2, $3, $4) ON CONFLICT (day) DO UPDATE SET run = excluded.run, \
     claimed_until = excluded.claimed_until, started_at = excluded.started_at \
     WHERE (reconciliations.claimed_until <= $4 OR reconciliations.claimed_until > $3 + $6) \
     AND ($5 = 0 OR (reconciliations.finished_at IS NULL AND reconciliations.next_at <= $4))";

/// Claims the day for a run of this name; `None` while another run holds it, or, with `only_due`, if the day is done or its
/// next attempt is later.
pub(crate) async fn claim(
    db: &Db,
    date: BillDate,
    run: &str,
    now: UnixMillis,
    only_due: bool,
) -> Result<Option<Claim>, DbError> {
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
            .bind(CLOCKS_APART_MS)
            .execute(transaction.connection())
            .await?;
        transaction.commit().await?;
        Ok(done.rows_affected() == 1)
    };
    Ok(db.run_to_completion(claiming).await?.then_some(claim))
}

const HOLD: &str =
    "UPDATE reconciliations SET claimed_until = $1 WHERE day = $2 AND run = $3 AND claimed_until > 0";

/// Runs `statements` in one transaction that first renews the claim. `false`: the claim is lost, and nothing was written.
pub(super) async fn write(
    db: &Db,
    claim: &Claim,
    now: UnixMillis,
    statements: Vec<(&'static str, String)>,
) -> Result<bool, DbError> {
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
    db.run_to_completion(writing).await
}
