//! Sets of rows: one statement per table and batch, with all its rows in one JSON parameter; and the column tables, from which
//! the statements of a table are written once at start.

use std::borrow::Cow;

use serde::Serialize;
use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;
use wxpay::{Fen, UnixMillis};

use super::Connection;
use super::error::DbError;
use super::row::Row;

/// Runs `sql`, whose `$1` is the JSON array of `rows`. Returns the number of rows it changed; 0 for no rows, without a call.
pub(super) async fn write<T: Serialize>(
    connection: &mut Connection,
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

/// What `parse` reads from the rows that `select` (up to its WHERE) finds for these keys.
pub(super) async fn select_in<T>(
    connection: &mut Connection,
    select: &str,
    column: &str,
    keys: &[&str],
    parse: impl Fn(&AnyRow) -> Result<T, DbError>,
) -> Result<Vec<T>, DbError> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<_> = keys.iter().map(|n| Key { n }).collect();
    let sql = format!("{select} WHERE {column} IN (SELECT j.value->>'n' FROM jsonb_each($1) AS j)");
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(json(&keys)?).fetch_all(connection).await?;
    rows.iter().map(parse).collect()
}

/// A value on its way into a column.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Value<'a> {
    Text(Cow<'a, str>),
    Number(i64),
    Null,
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Value::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Value::Text(Cow::Owned(text))
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Value::Number(number)
    }
}

impl From<bool> for Value<'_> {
    fn from(flag: bool) -> Self {
        Value::Number(i64::from(flag))
    }
}

impl From<Fen> for Value<'_> {
    fn from(fen: Fen) -> Self {
        Value::Number(fen.get())
    }
}

impl From<UnixMillis> for Value<'_> {
    fn from(at: UnixMillis) -> Self {
        Value::Number(at.get())
    }
}

impl<'a, T> From<Option<T>> for Value<'a>
where
    Value<'a>: From<T>,
{
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Value::from)
    }
}

/// In which statements a column stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Uses {
    /// SELECT and INSERT: it never changes.
    Fixed,
    /// SELECT, INSERT and UPDATE.
    Changing,
    /// INSERT and UPDATE: for indexes and schedules only.
    Unread,
    /// SELECT: other statements write it.
    ReadOnly,
}

/// One column of a table whose rows are made of `R`.
pub(super) struct Column<R> {
    name: &'static str,
    is_number: bool,
    uses: Uses,
    value: for<'a> fn(&'a R) -> Value<'a>,
    /// The expression of UPDATE, with `{}` for the value.
    update: &'static str,
}

/// A text column that never changes, unless [`Column::changing`] or [`Column::unread`] says otherwise.
pub(super) fn text<R>(name: &'static str, value: for<'a> fn(&'a R) -> Value<'a>) -> Column<R> {
    Column { name, is_number: false, uses: Uses::Fixed, value, update: "{}" }
}

/// The same for a BIGINT column.
pub(super) fn number<R>(name: &'static str, value: for<'a> fn(&'a R) -> Value<'a>) -> Column<R> {
    Column { is_number: true, ..text(name, value) }
}

/// A column that is only read here.
pub(super) fn read_only<R>(name: &'static str) -> Column<R> {
    Column { uses: Uses::ReadOnly, ..text(name, |_| Value::Null) }
}

impl<R> Column<R> {
    pub(super) fn changing(self) -> Column<R> {
        Column { uses: Uses::Changing, ..self }
    }

    pub(super) fn unread(self) -> Column<R> {
        Column { uses: Uses::Unread, ..self }
    }

    /// Writes UPDATE's expression by hand, with `{}` for the value.
    pub(super) fn updated_as(self, update: &'static str) -> Column<R> {
        Column { update, ..self }
    }

    /// The value at this place of the JSON row.
    fn source(&self, place: usize) -> String {
        match self.is_number {
            true => format!("CAST(j.value->>{place} AS BIGINT)"),
            false => format!("j.value->>{place}"),
        }
    }

    fn is_inserted(&self) -> bool {
        self.uses != Uses::ReadOnly
    }

    fn is_updated(&self) -> bool {
        matches!(self.uses, Uses::Changing | Uses::Unread)
    }
}

/// A table with its columns and the statements written from them.
pub(super) struct Table<R> {
    name: &'static str,
    key: &'static [&'static str],
    columns: Vec<Column<R>>,
    /// The selected columns.
    pub list: String,
    /// `SELECT … FROM table`.
    pub select: String,
    /// INSERT of the set `$1`.
    pub insert: String,
    /// UPDATE by the set `$1`, guarded by the version that was read.
    update: String,
}

impl<R> Table<R> {
    /// `key` is the primary key; `conflict` is INSERT's ON CONFLICT clause, or empty: then a row that is there already is an
    /// error.
    pub(super) fn new(
        name: &'static str,
        key: &'static [&'static str],
        columns: Vec<Column<R>>,
        conflict: &str,
    ) -> Table<R> {
        let read: Vec<_> = columns.iter().filter(|c| c.uses != Uses::Unread).map(|c| c.name).collect();
        let list = read.join(", ");
        let inserted: Vec<_> = columns.iter().filter(|c| c.is_inserted()).collect();
        let names: Vec<_> = inserted.iter().map(|c| c.name).collect();
        let sources: Vec<_> = inserted.iter().enumerate().map(|(place, c)| c.source(place)).collect();
        let updated = columns.iter().filter(|c| c.is_updated());
        // Places 0 and 1 are the key and the version that was read.
        let set: Vec<_> = updated
            .enumerate()
            .map(|(n, c)| format!("{} = {}", c.name, c.update.replace("{}", &c.source(n + 2))))
            .collect();
        Table {
            select: format!("SELECT {list} FROM {name}"),
            // `WHERE true` tells SQLite's parser that ON is not of a join.
            insert: format!(
                "INSERT INTO {name} ({}) SELECT {} FROM jsonb_each($1) AS j WHERE true {conflict}",
                names.join(", "),
                sources.join(", ")
            ),
            update: format!(
                "UPDATE {name} SET {} FROM jsonb_each($1) AS j WHERE {name}.{} = j.value->>0 \
                 AND {name}.version = CAST(j.value->>1 AS BIGINT)",
                set.join(", "),
                key[0]
            ),
            list,
            name,
            key,
            columns,
        }
    }

    /// A row of this table, for reading.
    pub(super) fn row<'r>(&self, row: &'r AnyRow) -> Row<'r> {
        Row::of(self.name, self.key, row)
    }

    /// The row as INSERT's JSON array.
    pub(super) fn inserted<'a>(&self, row: &'a R) -> Vec<Value<'a>> {
        self.columns.iter().filter(|column| column.is_inserted()).map(|column| (column.value)(row)).collect()
    }

    fn updated<'a>(&self, row: &'a R, read: i64) -> Vec<Value<'a>> {
        let key = self.columns.iter().filter(|column| column.name == self.key[0]);
        let mut values: Vec<_> = key.map(|column| (column.value)(row)).collect();
        values.push(read.into());
        let updated = self.columns.iter().filter(|column| column.is_updated());
        values.extend(updated.map(|column| (column.value)(row)));
        values
    }

    /// Inserts rows; returns how many.
    pub(super) async fn insert<'a>(
        &'static self,
        connection: &mut Connection,
        rows: impl Iterator<Item = &'a R>,
    ) -> Result<u64, DbError>
    where
        R: 'a,
    {
        let rows: Vec<_> = rows.map(|row| self.inserted(row)).collect();
        write(connection, &self.insert, &rows).await
    }

    /// Updates the rows for which `read` gives the version that was read, and inserts the others. `false`: another writer
    /// changed or inserted one of them meanwhile, so the transaction must be rolled back.
    pub(super) async fn store<'a>(
        &'static self,
        connection: &mut Connection,
        rows: impl Iterator<Item = &'a R> + Clone,
        read: impl Fn(&R) -> Option<i64>,
    ) -> Result<bool, DbError>
    where
        R: 'a,
    {
        let updates: Vec<_> = rows.clone().filter_map(|row| Some(self.updated(row, read(row)?))).collect();
        if write(connection, &self.update, &updates).await? != updates.len() as u64 {
            return Ok(false);
        }
        let inserts: Vec<_> = rows.filter(|row| read(row).is_none()).map(|row| self.inserted(row)).collect();
        Ok(write(connection, &self.insert, &inserts).await? == inserts.len() as u64)
    }
}
