//! All SQL on `facts`: values that belong to the database as a whole.

use super::{Db, DbError, column};

/// The value of `name`, if there is one.
///
/// # Errors
/// [`DbError`].
pub async fn get(db: &Db, name: &str) -> Result<Option<String>, DbError> {
    let row = sqlx::query("SELECT value FROM facts WHERE name = $1")
        .bind(name)
        .fetch_optional(&mut *db.reading().await?)
        .await?;
    row.as_ref().map(|row| column(row, "value")).transpose()
}

/// The value of `name`; where there is none yet, `value` becomes it. Two processes that start together agree.
///
/// # Errors
/// [`DbError`].
pub async fn get_or_set(db: &Db, name: &str, value: &str) -> Result<String, DbError> {
    let mut transaction = db.begin().await?;
    sqlx::query("INSERT INTO facts (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING")
        .bind(name)
        .bind(value)
        .execute(transaction.connection())
        .await?;
    let row = sqlx::query("SELECT value FROM facts WHERE name = $1")
        .bind(name)
        .fetch_one(transaction.connection())
        .await?;
    transaction.commit().await?;
    column(&row, "value")
}

/// Makes `value` the value of `name`. Must run in a task that is not dropped halfway.
pub(super) async fn set(db: &Db, name: &str, value: &str) -> Result<(), DbError> {
    let mut transaction = db.begin().await?;
    sqlx::query(
        "INSERT INTO facts (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )
    .bind(name)
    .bind(value)
    .execute(transaction.connection())
    .await?;
    transaction.commit().await
}
