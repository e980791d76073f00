//! All SQL on `accounts`: what users have, kept beside the rows it is the sum of.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;
use wxpay::Fen;

use super::bulk;
use super::{Connection, Db, DbError, column};
use recharge::User;
use recharge::ledger::Movement;
use recharge::spend::Account;

#[derive(Serialize)]
struct Row<'a> {
    u: &'a str,
    m: &'a str,
    a: i64,
    h: i64,
    e: i64,
    t: i64,
}

// Relative, so that instances that move the same account do not wait for each other's decisions. A movement that names nobody
// leaves a known name alone.
const MOVE: &str = "INSERT INTO accounts (user_id, user_name, balance, held, entries, updated_at) \
     SELECT j.value->>'u', j.value->>'m', CAST(j.value->>'a' AS BIGINT), CAST(j.value->>'h' AS BIGINT), \
     CAST(j.value->>'e' AS BIGINT), CAST(j.value->>'t' AS BIGINT) FROM jsonb_each($1) AS j WHERE true \
     ON CONFLICT (user_id) DO UPDATE SET balance = accounts.balance + excluded.balance, \
     held = accounts.held + excluded.held, entries = accounts.entries + excluded.entries, \
     user_name = CASE excluded.user_name WHEN '' THEN accounts.user_name ELSE excluded.user_name END, \
     updated_at = excluded.updated_at RETURNING user_id, balance, held, entries";

/// Moves accounts, one row each: the caller has summed. Returns what they have now; their rows are locked until the end of the
/// transaction, so this is the last word.
pub(super) async fn move_all(
    connection: &mut Connection,
    movements: &BTreeMap<String, Movement>,
) -> Result<HashMap<String, Account>, DbError> {
    if movements.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<_> = movements
        .iter()
        .map(|(user_id, movement)| Row {
            u: user_id,
            m: &movement.user_name,
            a: movement.amount.get(),
            h: movement.held.get(),
            e: movement.entries,
            t: movement.at.get(),
        })
        .collect();
    let rows = sqlx::query(MOVE).bind(bulk::json(&rows)?).fetch_all(connection).await?;
    rows.iter().map(|row| Ok((column(row, "user_id")?, account(row)?))).collect()
}

fn account(row: &AnyRow) -> Result<Account, DbError> {
    Ok(Account {
        balance: Fen::new(column(row, "balance")?),
        held: Fen::new(column(row, "held")?),
        entries: column(row, "entries")?,
    })
}

/// The accounts of these users, as far as they have one.
pub(super) async fn read(
    connection: &mut Connection,
    users: &[&str],
) -> Result<BTreeMap<String, Account>, DbError> {
    const READ: &str = "SELECT user_id, balance, held, entries FROM accounts";
    let one = |row: &AnyRow| Ok((column(row, "user_id")?, account(row)?));
    Ok(bulk::select_in(connection, READ, "user_id", users, one).await?.into_iter().collect())
}

/// What a user's account has; nothing for a user without one.
///
/// # Errors
/// [`DbError`].
pub async fn of(db: &Db, user_id: &str) -> Result<Account, DbError> {
    let found = read(&mut *db.reading().await?, &[user_id]).await?;
    Ok(found.into_values().next().unwrap_or_default())
}

const LIST: &str = "SELECT user_id, user_name, balance, held, entries FROM accounts";

fn named(row: &AnyRow) -> Result<(User, Account), DbError> {
    Ok((User { id: column(row, "user_id")?, name: column(row, "user_name")? }, account(row)?))
}

/// The accounts of these users with their names, as far as they have one.
///
/// # Errors
/// [`DbError`].
pub async fn of_users(db: &Db, users: &[&str]) -> Result<Vec<(User, Account)>, DbError> {
    bulk::select_in(&mut *db.reading().await?, LIST, "user_id", users, named).await
}

/// Accounts in the order of their user ids, those after `after`, at most `limit`.
///
/// # Errors
/// [`DbError`].
pub async fn list(db: &Db, after: &str, limit: i64) -> Result<Vec<(User, Account)>, DbError> {
    let sql = format!("{LIST} WHERE user_id > $1 ORDER BY user_id LIMIT $2");
    let rows =
        sqlx::query(AssertSqlSafe(sql)).bind(after).bind(limit).fetch_all(&mut *db.reading().await?).await?;
    rows.iter().map(named).collect()
}

/// A user's balance; zero for a user without an account.
///
/// # Errors
/// [`DbError`].
pub async fn balance(db: &Db, user_id: &str) -> Result<Fen, DbError> {
    let row = sqlx::query("SELECT balance FROM accounts WHERE user_id = $1")
        .bind(user_id)
        .fetch_optional(&mut *db.reading().await?)
        .await?;
    row.map_or(Ok(Fen::ZERO), |row| column(&row, "balance").map(Fen::new))
}

/// A user's name and balance; `None` for an id without an account.
///
/// # Errors
/// [`DbError`].
pub async fn find(db: &Db, user_id: &str) -> Result<Option<(User, Fen)>, DbError> {
    let row = sqlx::query("SELECT user_name, balance FROM accounts WHERE user_id = $1")
        .bind(user_id)
        .fetch_optional(&mut *db.reading().await?)
        .await?;
    row.map(|row| {
        let user = User { id: user_id.to_owned(), name: column(&row, "user_name")? };
        Ok((user, Fen::new(column(&row, "balance")?)))
    })
    .transpose()
}
