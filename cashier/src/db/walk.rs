//! A step through a long table in the order of one of its indexes: the next rows that fit, looking at no more than so many.
//!
//! A filter has two parts. Its range is what the walked index serves, so that the rows outside cost nothing; the rest is looked
//! at row by row, and only so far: a page never reads a whole table to find its last rows.

use sqlx::any::AnyRow;
use sqlx::{Any, AssertSqlSafe, query::Query};
use wxpay::UnixMillis;

use super::bulk::{self, Key};
use super::{Db, DbError, column};

/// A place in a list: the key of the row next to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cursor<N> {
    /// The rows older than this one.
    Before(UnixMillis, N),
    /// The rows newer than this one.
    After(UnixMillis, N),
}

#[derive(Debug, Clone)]
enum Bind {
    Text(String),
    Number(i64),
}

/// A filter as SQL, with its parameters numbered as they come.
#[derive(Debug, Clone)]
pub(super) struct Walk {
    table: &'static str,
    /// The number that, after the time, orders the rows.
    key: &'static str,
    /// The column of the time in whose order the rows stand.
    at: &'static str,
    /// The rows are a small set of keys, sorted after they were found.
    is_set: bool,
    range: Vec<String>,
    rest: Vec<String>,
    binds: Vec<Bind>,
}

/// What a step found.
pub(super) struct Stepped {
    /// In the direction of the step.
    pub rows: Vec<AnyRow>,
    /// There are more rows in this direction among those that were looked at.
    pub is_more: bool,
    /// The last row that was looked at, where there are others behind it.
    pub looked_to: Option<(UnixMillis, String)>,
}

impl Walk {
    /// The whole table, newest first by `at`.
    pub(super) fn of(table: &'static str, key: &'static str, at: &'static str) -> Walk {
        Walk { table, key, at, is_set: false, range: Vec::new(), rest: Vec::new(), binds: Vec::new() }
    }

    fn bind(&mut self, bind: Bind) -> String {
        self.binds.push(bind);
        format!("${}", self.binds.len())
    }

    /// The place of a text among the parameters.
    pub(super) fn text(&mut self, text: impl Into<String>) -> String {
        self.bind(Bind::Text(text.into()))
    }

    /// The place of a number among the parameters.
    pub(super) fn number(&mut self, number: i64) -> String {
        self.bind(Bind::Number(number))
    }

    /// A condition that the walked index serves.
    pub(super) fn within(&mut self, condition: impl Into<String>) {
        self.range.push(condition.into());
    }

    /// A condition that is looked at row by row.
    pub(super) fn only(&mut self, condition: impl Into<String>) {
        self.rest.push(condition.into());
    }

    /// Of these order numbers only.
    pub(super) fn of_orders<'a>(&mut self, numbers: impl Iterator<Item = &'a str>) -> Result<(), DbError> {
        let keys: Vec<_> = numbers.map(|n| Key { n }).collect();
        let p = self.text(bulk::json(&keys)?);
        self.within(format!("out_trade_no IN (SELECT j.value->>'n' FROM jsonb_each({p}) AS j)"));
        self.few();
        Ok(())
    }

    /// The range names a few rows, which are sorted after they were found.
    pub(super) fn few(&mut self) {
        self.is_set = true;
    }

    /// `from` and `to` of a time that the walk goes by.
    pub(super) fn between(&mut self, from: Option<UnixMillis>, to: Option<UnixMillis>) {
        let at = self.at;
        for (bound, side) in [(from, ">="), (to, "<")] {
            if let Some(bound) = bound {
                let p = self.number(bound.get());
                self.within(format!("{at} {side} {p}"));
            }
        }
    }

    /// Whether nothing but the index decides.
    pub(super) fn is_served(&self) -> bool {
        self.rest.is_empty() || self.is_set
    }

    /// The whole filter as one condition.
    pub(super) fn conditions(&self) -> String {
        let all: Vec<_> = self.range.iter().chain(&self.rest).map(String::as_str).collect();
        if all.is_empty() { "true".to_owned() } else { all.join(" AND ") }
    }

    fn order_by(&self, newest_first: bool) -> String {
        let way = if newest_first { "DESC" } else { "ASC" };
        // The plus keeps a planner from walking a whole index of times to save the sorting of a few rows.
        let plus = if self.is_set { "+" } else { "" };
        format!("ORDER BY {plus}{} {way}, {} {way}", self.at, self.key)
    }

    /// The rows on one side of a row.
    pub(super) fn beyond(&mut self, at: UnixMillis, number: &str, side: &str) {
        let (at, number) = (self.number(at.get()), self.text(number));
        let (column, key) = (self.at, self.key);
        self.within(format!("({column}, {key}) {side} ({at}, {number})"));
    }

    /// The statement that finds the last row that may be looked at.
    pub(super) fn edge_sql(&self, newest_first: bool, scan: i64) -> String {
        let range = if self.range.is_empty() { "true".to_owned() } else { self.range.join(" AND ") };
        format!(
            "SELECT {} AS at, {} AS number FROM {} WHERE {range} {} LIMIT 1 OFFSET {}",
            self.at,
            self.key,
            self.table,
            self.order_by(newest_first),
            scan - 1
        )
    }

    /// The statement that reads rows.
    pub(super) fn rows_sql(&self, columns: &str, newest_first: bool, limit: i64) -> String {
        let (table, conditions, order) = (self.table, self.conditions(), self.order_by(newest_first));
        format!("SELECT {columns} FROM {table} WHERE {conditions} {order} LIMIT {limit}")
    }

    /// The statement with just the parameters that it names, numbered anew: a prepared statement is kept by its text, so the
    /// same text must always have the same parameters.
    pub(super) fn query(&self, sql: &str) -> Query<'static, Any, sqlx::any::AnyArguments> {
        let (mut text, mut named) = (String::with_capacity(sql.len()), Vec::new());
        let mut parts = sql.split('$');
        text.push_str(parts.next().unwrap_or_default());
        for part in parts {
            let rest = part.trim_start_matches(|letter: char| letter.is_ascii_digit());
            let place: usize = part.get(..part.len() - rest.len()).and_then(|n| n.parse().ok()).unwrap_or(1);
            let known = named.iter().position(|one| *one == place);
            let number = known.unwrap_or_else(|| {
                named.push(place);
                named.len() - 1
            });
            text.push_str(&format!("${}{rest}", number + 1));
        }
        let binds = named.into_iter().filter_map(|place| self.binds.get(place - 1));
        binds.fold(sqlx::query(AssertSqlSafe(text)), |query, bind| match bind {
            Bind::Text(text) => query.bind(text.clone()),
            Bind::Number(number) => query.bind(*number),
        })
    }

    /// The same walk that ends at its `scan`th row, and that row; `None` where it ends before. Without `scan` it ends where the table does.
    pub(super) async fn ended(
        mut self,
        db: &Db,
        newest_first: bool,
        scan: Option<i64>,
    ) -> Result<(Walk, Option<(UnixMillis, String)>), DbError> {
        let Some(scan) = scan.filter(|_| !self.is_served()) else { return Ok((self, None)) };
        let edge = self.query(&self.edge_sql(newest_first, scan));
        let Some(row) = edge.fetch_optional(&mut *db.reading().await?).await? else {
            return Ok((self, None));
        };
        let (at, number) = (UnixMillis::new(column(&row, "at")?), column::<String>(&row, "number")?);
        self.beyond(at, &number, if newest_first { ">=" } else { "<=" });
        Ok((self, Some((at, number))))
    }

    /// The next `limit` rows that fit from a place on, looking at `scan` rows at most.
    pub(super) async fn step<N: std::fmt::Display>(
        mut self,
        db: &Db,
        columns: &str,
        from: Option<&Cursor<N>>,
        limit: usize,
        scan: Option<i64>,
    ) -> Result<Stepped, DbError> {
        let newest_first = !matches!(from, Some(Cursor::After(..)));
        if let Some(Cursor::Before(at, number) | Cursor::After(at, number)) = from {
            self.beyond(*at, &number.to_string(), if newest_first { "<" } else { ">" });
        }
        let (walk, edge) = self.ended(db, newest_first, scan).await?;
        let most = i64::try_from(limit + 1).unwrap_or(i64::MAX);
        let sql = walk.rows_sql(columns, newest_first, most);
        let mut rows = walk.query(&sql).fetch_all(&mut *db.reading().await?).await?;
        let is_more = rows.len() > limit;
        rows.truncate(limit);
        Ok(Stepped { rows, is_more, looked_to: edge.filter(|_| !is_more) })
    }
}

/// Rows of a page, newest first, and where the next ones begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paged<T, N> {
    pub rows: Vec<T>,
    pub newer: Option<Cursor<N>>,
    pub older: Option<Cursor<N>>,
    /// How far back was looked, where that is not to the end of the list and the page is not full.
    pub looked_to: Option<UnixMillis>,
}

impl<T, N: Clone> Paged<T, N> {
    /// Out of what a step found: `rows` are its rows, `edge` its `looked_to`.
    pub(super) fn new(
        mut rows: Vec<T>,
        from: Option<&Cursor<N>>,
        is_more: bool,
        edge: Option<(UnixMillis, N)>,
        key: impl Fn(&T) -> (UnixMillis, N),
    ) -> Paged<T, N> {
        let newest_first = !matches!(from, Some(Cursor::After(..)));
        if !newest_first {
            rows.reverse();
        }
        let looked_to = edge.as_ref().map(|(at, _)| *at);
        let (first, last) = (rows.first().map(&key), rows.last().map(&key));
        let before = |(at, number)| Cursor::Before(at, number);
        let after = |(at, number)| Cursor::After(at, number);
        // From an empty page one goes back to the row that it began behind, so that row is taken in again.
        let behind = |ms| match from {
            Some(Cursor::Before(at, number) | Cursor::After(at, number)) => {
                Some((at.plus_ms(ms), number.clone()))
            }
            None => None,
        };
        let (newer, older) = match newest_first {
            true => {
                let older = if is_more { last } else { edge };
                (from.and_then(|_| first.or_else(|| behind(-1))).map(after), older.map(before))
            }
            false => {
                let newer = if is_more { first } else { edge };
                (newer.map(after), last.or_else(|| behind(1)).map(before))
            }
        };
        Paged { rows, newer, older, looked_to }
    }
}
