//! All SQL on `self_checks`: which instance runs the self-check, and what the last runs counted.

use recharge::lease::CLOCKS_APART_MS;
use wxpay::UnixMillis;

use super::{Db, DbError, column};

/// What a run looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// What moved since the last such run: every five minutes.
    Moved,
    /// All data: once a day.
    Whole,
}

impl Scope {
    fn word(self) -> &'static str {
        match self {
            Scope::Moved => "moved",
            Scope::Whole => "whole",
        }
    }

    /// Time between the beginnings of two runs, in milliseconds.
    fn every_ms(self) -> i64 {
        match self {
            Scope::Moved => 300_000,
            Scope::Whole => 86_400_000,
        }
    }

    /// How long a run may take before another one begins beside it, in milliseconds. Nothing breaks then: a run only reads.
    fn lease_ms(self) -> i64 {
        match self {
            Scope::Moved => 900_000,
            Scope::Whole => 6 * 3_600_000,
        }
    }
}

/// A run that was claimed.
#[derive(Debug, Clone)]
pub(crate) struct Claim {
    scope: Scope,
    run: String,
    began_at: UnixMillis,
    /// When the run before it began; `None` if there was none.
    pub last_began_at: Option<UnixMillis>,
}

const CLAIM: &str = "UPDATE self_checks SET run = $1, claimed_until = $2 WHERE what = $3 \
     AND (claimed_until <= $4 OR claimed_until > $2 + $5) AND (begun_at <= $6 OR begun_at > $4 + $5) RETURNING begun_at";

/// Claims a run if one is due and nobody is at it. Must run in a task that is not dropped halfway.
pub(crate) async fn claim(
    db: &Db,
    scope: Scope,
    instance: &str,
    now: UnixMillis,
) -> Result<Option<Claim>, DbError> {
    let run = format!("{instance}-{}", now.get());
    let mut transaction = db.begin().await?;
    let row = sqlx::query(CLAIM)
        .bind(&run)
        .bind(now.get() + scope.lease_ms())
        .bind(scope.word())
        .bind(now.get())
        .bind(CLOCKS_APART_MS)
        .bind(now.get() - scope.every_ms())
        .fetch_optional(transaction.connection())
        .await?;
    transaction.commit().await?;
    let Some(row) = row else { return Ok(None) };
    let last_began_at = Some(column(&row, "begun_at")?).filter(|at| *at > 0).map(UnixMillis::new);
    Ok(Some(Claim { scope, run, began_at: now, last_began_at }))
}

/// A run of `moved` looks at a few minutes only: what one counted stays until a look at everything says that it is gone.
const ENDED: &str = "UPDATE self_checks SET claimed_until = 0, begun_at = $1, ended_at = $2, \
     violations = CASE WHEN what = 'moved' AND violations > $3 THEN violations ELSE $3 END WHERE what = $4 AND run = $5";

/// What was counted before this run looked at everything is in its count, or gone.
const SEEN: &str = "UPDATE self_checks SET violations = 0 WHERE what = 'moved' AND ended_at < $1";

/// A claimed run has ended. One that another took over says nothing. Must run in a task that is not dropped halfway.
pub(crate) async fn ended(db: &Db, claim: &Claim, violations: u64, now: UnixMillis) -> Result<(), DbError> {
    let mut transaction = db.begin().await?;
    let done = sqlx::query(ENDED)
        .bind(claim.began_at.get())
        .bind(now.get())
        .bind(i64::try_from(violations).unwrap_or(i64::MAX))
        .bind(claim.scope.word())
        .bind(&claim.run)
        .execute(transaction.connection())
        .await?;
    if claim.scope == Scope::Whole && done.rows_affected() == 1 {
        sqlx::query(SEEN).bind(claim.began_at.get()).execute(transaction.connection()).await?;
    }
    transaction.commit().await
}

/// Somebody looked at everything without a claim, such as an operator who mended what was found.
///
/// # Errors
/// [`DbError`].
pub async fn looked_at_everything(
    db: &Db,
    began_at: UnixMillis,
    violations: u64,
    now: UnixMillis,
) -> Result<(), DbError> {
    let mut transaction = db.begin().await?;
    sqlx::query("UPDATE self_checks SET begun_at = $1, ended_at = $2, violations = $3 WHERE what = 'whole'")
        .bind(began_at.get())
        .bind(now.get())
        .bind(i64::try_from(violations).unwrap_or(i64::MAX))
        .execute(transaction.connection())
        .await?;
    sqlx::query(SEEN).bind(began_at.get()).execute(transaction.connection()).await?;
    transaction.commit().await
}

/// The violations that are known; `None` if no run has ended yet.
pub(crate) async fn violations(db: &Db) -> Result<Option<u64>, DbError> {
    let row = sqlx::query("SELECT MAX(violations) AS violations, MAX(ended_at) AS ended_at FROM self_checks")
        .fetch_one(&mut *db.reading().await?)
        .await?;
    let known: i64 = column(&row, "violations")?;
    Ok((column::<i64>(&row, "ended_at")? > 0).then(|| u64::try_from(known).unwrap_or_default()))
}
