//! All SQL on `operator_factors`, `operator_recovery_codes` and `operator_sign_ins`.

use recharge::audit::AuditEntry;
use wxpay::UnixMillis;

use super::operator_sessions::{self, NewSession};
use super::row::Row;
use super::{Connection, Db, DbError, WriteTransaction, audit};

/// Time for the second step of a sign-in: five minutes, in milliseconds.
const HALF_MS: i64 = 5 * 60 * 1000;

/// An operator's second factor as it is stored.
#[derive(Debug, Clone)]
pub(crate) struct StoredFactor {
    /// Sealed.
    pub secret: String,
    pub confirmed_at: Option<UnixMillis>,
    /// Recovery codes that were not used.
    pub codes_left: i64,
}

pub(crate) async fn find(db: &Db, operator: &str) -> Result<Option<StoredFactor>, DbError> {
    const FIND: &str = "SELECT operator, secret, confirmed_at, (SELECT COUNT(*) FROM operator_recovery_codes AS c \
         WHERE c.operator = f.operator AND c.used_at IS NULL) AS codes_left \
         FROM operator_factors AS f WHERE operator = $1";
    let row = sqlx::query(FIND).bind(operator).fetch_optional(&mut *db.reading().await?).await?;
    let factor = |row: &_| {
        let row = Row::of("operator_factors", &["operator"], row);
        Ok(StoredFactor {
            secret: row.get("secret")?,
            confirmed_at: row.time_optional("confirmed_at")?,
            codes_left: row.get("codes_left")?,
        })
    };
    row.as_ref().map(factor).transpose()
}

/// Keeps a secret that is yet to be confirmed, in place of an earlier one; `false` if a confirmed one is there.
pub(crate) async fn begin(db: &Db, secret: String, entry: AuditEntry) -> Result<bool, DbError> {
    const BEGIN: &str = "INSERT INTO operator_factors (operator, secret, begun_at, last_step) VALUES ($1, $2, $3, 0) \
         ON CONFLICT (operator) DO UPDATE SET secret = $2, begun_at = $3, last_step = 0 \
         WHERE operator_factors.confirmed_at IS NULL";
    let write = db.clone();
    db.run_to_completion(async move {
        let mut transaction = write.begin().await?;
        let begun = sqlx::query(BEGIN)
            .bind(&entry.operator)
            .bind(&secret)
            .bind(entry.at.get())
            .execute(transaction.connection())
            .await?;
        audit::commit_change(&write, transaction, &begun, &entry).await
    })
    .await
}

/// Confirms the secret with the code of a step, and keeps the recovery codes; `false` if it is another secret by now or confirmed.
pub(crate) async fn confirm(
    db: &Db,
    secret: String,
    step: i64,
    codes: Vec<String>,
    entry: AuditEntry,
) -> Result<bool, DbError> {
    const CONFIRM: &str = "UPDATE operator_factors SET confirmed_at = $1, last_step = $2 \
         WHERE operator = $3 AND secret = $4 AND confirmed_at IS NULL";
    let write = db.clone();
    db.run_to_completion(async move {
        let mut transaction = write.begin().await?;
        let confirmed = sqlx::query(CONFIRM)
            .bind(entry.at.get())
            .bind(step)
            .bind(&entry.operator)
            .bind(&secret)
            .execute(transaction.connection())
            .await?;
        if confirmed.rows_affected() == 1 {
            keep_codes(transaction.connection(), &entry.operator, &codes).await?;
        }
        audit::commit_change(&write, transaction, &confirmed, &entry).await
    })
    .await
}

/// Puts new recovery codes in the place of the old ones; `false` if there is no confirmed factor.
pub(crate) async fn renew_codes(db: &Db, codes: Vec<String>, entry: AuditEntry) -> Result<bool, DbError> {
    const LOCK: &str =
        "UPDATE operator_factors SET operator = operator WHERE operator = $1 AND confirmed_at IS NOT NULL";
    let write = db.clone();
    db.run_to_completion(async move {
        let mut transaction = write.begin().await?;
        let locked = sqlx::query(LOCK).bind(&entry.operator).execute(transaction.connection()).await?;
        if locked.rows_affected() == 1 {
            keep_codes(transaction.connection(), &entry.operator, &codes).await?;
        }
        audit::commit_change(&write, transaction, &locked, &entry).await
    })
    .await
}

async fn keep_codes(connection: &mut Connection, operator: &str, codes: &[String]) -> Result<(), DbError> {
    sqlx::query("DELETE FROM operator_recovery_codes WHERE operator = $1")
        .bind(operator)
        .execute(&mut *connection)
        .await?;
    for code in codes {
        sqlx::query("INSERT INTO operator_recovery_codes (operator, hash) VALUES ($1, $2)")
            .bind(operator)
            .bind(code)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Takes the second factor off the operator of the entry's subject; `false` if there is none.
pub(crate) async fn remove(db: &Db, entry: AuditEntry) -> Result<bool, DbError> {
    let write = db.clone();
    db.run_to_completion(async move {
        let mut transaction = write.begin().await?;
        let removed = sqlx::query("DELETE FROM operator_factors WHERE operator = $1")
            .bind(&entry.subject)
            .execute(transaction.connection())
            .await?;
        if removed.rows_affected() == 1 {
            forget_codes(&mut transaction, &entry.subject).await?;
        }
        audit::commit_change(&write, transaction, &removed, &entry).await
    })
    .await
}

async fn forget_codes(transaction: &mut WriteTransaction<'_>, operator: &str) -> Result<(), DbError> {
    sqlx::query("DELETE FROM operator_recovery_codes WHERE operator = $1")
        .bind(operator)
        .execute(transaction.connection())
        .await?;
    Ok(())
}

/// Forgets all of a removed operator, in the transaction of the removal.
pub(super) async fn forget(transaction: &mut WriteTransaction<'_>, operator: &str) -> Result<(), DbError> {
    for table in [
        "DELETE FROM operator_factors WHERE operator = $1",
        "DELETE FROM operator_sign_ins WHERE operator = $1",
    ] {
        sqlx::query(table).bind(operator).execute(transaction.connection()).await?;
    }
    forget_codes(transaction, operator).await
}

/// A sign-in whose password was right.
#[derive(Debug, Clone)]
pub struct HalfSignIn {
    pub operator: String,
    /// The hash that the password was compared with.
    pub password_hash: String,
    /// The hash of the token whose session it replaces; may be empty.
    pub replaces: String,
    pub agent: String,
}

/// Keeps a sign-in that awaits its second step. Older ones that were never ended are deleted.
///
/// # Errors
/// [`DbError`].
pub async fn begin_half(
    db: &Db,
    token_hash: String,
    half: HalfSignIn,
    now: UnixMillis,
) -> Result<(), DbError> {
    const BEGIN: &str = "INSERT INTO operator_sign_ins (token_hash, operator, password_hash, replaces, agent, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6)";
    let write = db.clone();
    db.run_to_completion(async move {
        let mut transaction = write.begin().await?;
        sqlx::query("DELETE FROM operator_sign_ins WHERE created_at < $1")
            .bind(now.plus_ms(-HALF_MS).get())
            .execute(transaction.connection())
            .await?;
        sqlx::query(BEGIN)
            .bind(&token_hash)
            .bind(&half.operator)
            .bind(&half.password_hash)
            .bind(&half.replaces)
            .bind(&half.agent)
            .bind(now.get())
            .execute(transaction.connection())
            .await?;
        transaction.commit().await
    })
    .await
}

/// The sign-in of a token that still awaits its second step.
///
/// # Errors
/// [`DbError`].
pub async fn half(db: &Db, token_hash: &str, now: UnixMillis) -> Result<Option<HalfSignIn>, DbError> {
    const FIND: &str = "SELECT operator, password_hash, replaces, agent FROM operator_sign_ins \
         WHERE token_hash = $1 AND created_at > $2";
    let row = sqlx::query(FIND)
        .bind(token_hash)
        .bind(now.plus_ms(-HALF_MS).get())
        .fetch_optional(&mut *db.reading().await?)
        .await?;
    let half = |row: &_| {
        let row = Row::of("operator_sign_ins", &["operator"], row);
        Ok(HalfSignIn {
            operator: row.get("operator")?,
            password_hash: row.get("password_hash")?,
            replaces: row.get("replaces")?,
            agent: row.get("agent")?,
        })
    };
    row.as_ref().map(half).transpose()
}

/// What proves the second factor.
#[derive(Debug, Clone)]
pub enum Proof {
    /// A code of the phone: its step, and the secret sealed anew, with the present key.
    Step { step: i64, secret: String },
    /// The hash of a recovery code.
    Recovery(String),
}

/// What became of the second step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Second {
    SignedIn,
    /// This code or a later one has been used.
    Used,
    /// The operator was removed, the password changed, or the first step used by another sign-in.
    Over,
}

/// Uses up the proof and the first step, and opens the session, in one transaction.
///
/// # Errors
/// [`DbError`].
pub async fn complete(
    db: &Db,
    half_hash: String,
    proof: Proof,
    session: NewSession,
) -> Result<Second, DbError> {
    let write = db.clone();
    db.run_to_completion(async move {
        let mut transaction = write.begin().await?;
        let operator = session.entry.operator.clone();
        if !take(transaction.connection(), &operator, &proof, session.entry.at).await? {
            transaction.rollback().await;
            return Ok(Second::Used);
        }
        let taken = sqlx::query("DELETE FROM operator_sign_ins WHERE token_hash = $1 AND operator = $2")
            .bind(&half_hash)
            .bind(&operator)
            .execute(transaction.connection())
            .await?;
        if taken.rows_affected() == 0
            || !operator_sessions::begin_in(&mut transaction, &write.random, &session).await?
        {
            transaction.rollback().await;
            return Ok(Second::Over);
        }
        transaction.commit().await?;
        Ok(Second::SignedIn)
    })
    .await
}

/// Uses a proof up; `false` if it was used before.
async fn take(
    connection: &mut Connection,
    operator: &str,
    proof: &Proof,
    now: UnixMillis,
) -> Result<bool, DbError> {
    const STEP: &str = "UPDATE operator_factors SET last_step = $1, secret = $2 \
         WHERE operator = $3 AND confirmed_at IS NOT NULL AND last_step < $1";
    const CODE: &str = "UPDATE operator_recovery_codes SET used_at = $1 WHERE operator = $2 AND hash = $3 AND used_at IS NULL";
    let taken = match proof {
        Proof::Step { step, secret } => {
            sqlx::query(STEP).bind(*step).bind(secret).bind(operator).execute(connection).await?
        }
        Proof::Recovery(hash) => {
            sqlx::query(CODE).bind(now.get()).bind(operator).bind(hash).execute(connection).await?
        }
    };
    Ok(taken.rows_affected() == 1)
}
