//! What an operator chose for a list of the desk: filters with a name, and columns. All SQL on `saved_filters` and
//! `shown_columns`.

use wxpay::UnixMillis;

use super::{Db, DbError, column};

/// The most filters that one operator keeps for one list.
pub const MOST_FILTERS: i64 = 20;

/// A list of the desk that has filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    Orders,
    Refunds,
}

impl List {
    pub fn name(self) -> &'static str {
        match self {
            List::Orders => "orders",
            List::Refunds => "refunds",
        }
    }

    pub fn from_name(name: &str) -> Option<List> {
        [List::Orders, List::Refunds].into_iter().find(|list| list.name() == name)
    }
}

/// A filter with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedFilter {
    pub name: String,
    /// The query of the list's address.
    pub query: String,
}

/// The filters that an operator saved for a list, by name.
///
/// # Errors
/// [`DbError`].
pub async fn filters(db: &Db, operator: &str, list: List) -> Result<Vec<SavedFilter>, DbError> {
    let rows =
        sqlx::query("SELECT name, query FROM saved_filters WHERE operator = $1 AND list = $2 ORDER BY name")
            .bind(operator)
            .bind(list.name())
            .fetch_all(&mut *db.reading().await?)
            .await?;
    rows.iter()
        .map(|row| Ok(SavedFilter { name: column(row, "name")?, query: column(row, "query")? }))
        .collect()
}

/// Keeps a filter; one of the same name is replaced. `false`, and nothing kept, if there are [`MOST_FILTERS`] others.
///
/// # Errors
/// [`DbError`].
pub async fn save_filter(
    db: &Db,
    operator: &str,
    list: List,
    filter: SavedFilter,
    now: UnixMillis,
) -> Result<bool, DbError> {
    // On PostgreSQL two at once may leave one more than the most, which does no harm.
    const SAVE: &str = "INSERT INTO saved_filters (operator, list, name, query, saved_at) \
         SELECT $1, $2, $3, $4, $5 WHERE (SELECT COUNT(*) FROM saved_filters \
         WHERE operator = $1 AND list = $2 AND name <> $3) < $6 \
         ON CONFLICT (operator, list, name) DO UPDATE SET query = excluded.query, saved_at = excluded.saved_at";
    let (db, operator) = (db.clone(), operator.to_owned());
    db.clone()
        .run_to_completion(async move {
            let mut transaction = db.begin().await?;
            let saved = sqlx::query(SAVE)
                .bind(operator)
                .bind(list.name())
                .bind(filter.name)
                .bind(filter.query)
                .bind(now.get())
                .bind(MOST_FILTERS)
                .execute(transaction.connection())
                .await?;
            transaction.commit().await?;
            Ok(saved.rows_affected() == 1)
        })
        .await
}

/// Forgets a filter.
///
/// # Errors
/// [`DbError`].
pub async fn forget_filter(db: &Db, operator: &str, list: List, name: &str) -> Result<(), DbError> {
    let (db, operator, name) = (db.clone(), operator.to_owned(), name.to_owned());
    db.clone()
        .run_to_completion(async move {
            let mut transaction = db.begin().await?;
            sqlx::query("DELETE FROM saved_filters WHERE operator = $1 AND list = $2 AND name = $3")
                .bind(operator)
                .bind(list.name())
                .bind(name)
                .execute(transaction.connection())
                .await?;
            transaction.commit().await
        })
        .await
}

/// The columns that an operator chose for a list; `None` for one who never did.
///
/// # Errors
/// [`DbError`].
pub async fn columns(db: &Db, operator: &str, list: List) -> Result<Option<Vec<String>>, DbError> {
    let row = sqlx::query("SELECT columns FROM shown_columns WHERE operator = $1 AND list = $2")
        .bind(operator)
        .bind(list.name())
        .fetch_optional(&mut *db.reading().await?)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let columns: String = column(&row, "columns")?;
    Ok(Some(columns.split_whitespace().map(str::to_owned).collect()))
}

/// Keeps which columns an operator wants to see.
///
/// # Errors
/// [`DbError`].
pub async fn choose_columns(db: &Db, operator: &str, list: List, columns: &[&str]) -> Result<(), DbError> {
    const CHOOSE: &str = "INSERT INTO shown_columns (operator, list, columns) VALUES ($1, $2, $3) \
         ON CONFLICT (operator, list) DO UPDATE SET columns = excluded.columns";
    let (db, operator, columns) = (db.clone(), operator.to_owned(), columns.join(" "));
    db.clone()
        .run_to_completion(async move {
            let mut transaction = db.begin().await?;
            sqlx::query(CHOOSE)
                .bind(operator)
                .bind(list.name())
                .bind(columns)
                .execute(transaction.connection())
                .await?;
            transaction.commit().await
        })
        .await
}
