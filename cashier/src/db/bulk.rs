//! Rows go to the database in sets: one statement per table and batch, all its rows in one JSON parameter.

use serde::Serialize;
use sqlx::AnyConnection;

use super::error::DbError;

/// Runs `sql`, whose `$1` is the JSON array of `rows`. Answers how many rows it moved; 0 for no rows, without asking.
pub(super) async fn write<T: Serialize>(
    connection: &mut AnyConnection,
    sql: &'static str,
    rows: &[T],
) -> Result<u64, DbError> {
    if rows.is_empty() {
        return Ok(0);
    }
    let done = sqlx::query(sql).bind(json(rows)?).execute(connection).await?;
    Ok(done.rows_affected())
}

/// The JSON array of `rows`, as `jsonb_each` reads it.
pub(super) fn json<T: Serialize>(rows: &[T]) -> Result<String, DbError> {
    serde_json::to_string(rows).map_err(DbError::Encode)
}

/// A key to look up, in the shape in which both engines read it out of a JSON array.
#[derive(Serialize)]
pub(super) struct Key<'a> {
    pub n: &'a str,
}
