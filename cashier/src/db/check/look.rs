//! How the self-check reads: a statement for each window of keys, or for the keys that are at hand.

use sqlx::any::AnyRow;
use sqlx::{Any, AssertSqlSafe, Decode, Encode, Type};

use super::super::{Db, DbError, bulk, column};
use super::{Findings, Violation};

/// Rows checked in one statement; each statement sees one snapshot of the database.
pub(super) const WINDOW: i64 = 2_000;

/// Violations named at most; more are only counted.
const NAMED: usize = 100;

/// How a row that a statement found is read as a violation.
pub(super) type Named = fn(&AnyRow) -> Result<Violation, DbError>;

/// A statement that selects violations of one kind, and how one of its rows is read.
pub(super) struct Finder {
    pub sql: String,
    pub named: Named,
}

/// A column of a table whose values a look goes through in their order; an index serves it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keys {
    pub table: &'static str,
    pub column: &'static str,
}

impl Keys {
    /// Selects the last key of the next window after `$1`, of `$2` rows at most, and how many rows it has.
    fn window(self) -> String {
        let Keys { table, column } = self;
        format!(
            "SELECT MAX(k) AS k, COUNT(*) AS n FROM (SELECT {column} AS k FROM {table} WHERE {column} > $1 \
             ORDER BY {column} LIMIT $2) AS w"
        )
    }
}

/// The condition that `column` is in the window after `$1` up to `$2`.
pub(super) fn between(column: &str) -> String {
    format!("{column} > $1 AND {column} <= $2")
}

/// The condition that `column` is one of the keys in `$1`.
pub(super) fn among(column: &str) -> String {
    format!("{column} IN (SELECT j.value->>'n' FROM jsonb_each($1) AS j)")
}

/// A self-check under way.
pub(super) struct Look<'a> {
    pub db: &'a Db,
    pub findings: Findings,
}

impl<'a> Look<'a> {
    pub fn new(db: &'a Db) -> Look<'a> {
        Look { db, findings: Findings::default() }
    }

    /// Goes through one table in windows of its keys after `from`. Answers the number of all rows.
    pub async fn through<K>(&mut self, keys: Keys, from: K, finder: Finder) -> Result<u64, DbError>
    where
        K: for<'q> Encode<'q, Any> + for<'r> Decode<'r, Any> + Type<Any> + Clone + Send + Sync,
    {
        let (window, mut after, mut rows) = (keys.window(), from, 0);
        loop {
            let next = sqlx::query(AssertSqlSafe(window.as_str())).bind(after.clone()).bind(WINDOW);
            let row = next.fetch_one(&mut *self.db.reading().await?).await?;
            let Some(last) = column::<Option<K>>(&row, "k")? else { return Ok(rows) };
            rows += u64::try_from(column::<i64>(&row, "n")?).unwrap_or_default();
            let query = sqlx::query(AssertSqlSafe(finder.sql.as_str())).bind(after).bind(last.clone());
            let found = query.fetch_all(&mut *self.db.reading().await?).await?;
            self.found(&found, finder.named)?;
            after = last;
            // Other tasks go first: this is never urgent.
            tokio::task::yield_now().await;
        }
    }

    /// Looks at these keys.
    pub async fn at(&mut self, keys: &[&str], finder: Finder) -> Result<(), DbError> {
        for keys in keys.chunks(usize::try_from(WINDOW).unwrap_or(usize::MAX)) {
            let keys: Vec<_> = keys.iter().map(|n| bulk::Key { n }).collect();
            let query = sqlx::query(AssertSqlSafe(finder.sql.as_str())).bind(bulk::json(&keys)?);
            let found = query.fetch_all(&mut *self.db.reading().await?).await?;
            self.found(&found, finder.named)?;
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Notes what a statement found.
    pub fn found(&mut self, rows: &[AnyRow], named: Named) -> Result<(), DbError> {
        for row in rows {
            self.findings.violations += 1;
            if self.findings.named.len() < NAMED {
                let violation = named(row)?;
                self.findings.named.push(violation);
            }
        }
        Ok(())
    }
}
