//! Exports: who took what out of the house, and how far each is. All SQL on `exports`.

use recharge::audit::AuditEntry;
use sqlx::any::AnyRow;
use wxpay::UnixMillis;

use super::audit::record;
use super::row::Row;
use super::{Db, DbError, column};

/// One that did not move for this long has ended with its process.
pub const STALE_MS: i64 = 60 * 1000;

/// What is exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Content {
    Orders,
    Refunds,
    /// Rows of the ledger.
    Ledger,
    /// What bill and books of a day do not agree on.
    Bill,
    /// Payments whose order number is unknown here.
    Unmatched,
}

impl Content {
    pub const ALL: [Content; 5] =
        [Content::Orders, Content::Refunds, Content::Ledger, Content::Bill, Content::Unmatched];

    pub fn name(self) -> &'static str {
        match self {
            Content::Orders => "orders",
            Content::Refunds => "refunds",
            Content::Ledger => "ledger",
            Content::Bill => "bill",
            Content::Unmatched => "unmatched",
        }
    }

    pub fn from_name(name: &str) -> Option<Content> {
        Content::ALL.into_iter().find(|content| content.name() == name)
    }
}

/// The kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    Csv,
    Xlsx,
}

impl Format {
    pub fn name(self) -> &'static str {
        match self {
            Format::Csv => "csv",
            Format::Xlsx => "xlsx",
        }
    }

    pub fn from_name(name: &str) -> Option<Format> {
        [Format::Csv, Format::Xlsx].into_iter().find(|format| format.name() == name)
    }
}

/// How far an export is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Asked for, not begun.
    Made,
    Running,
    /// The whole file was sent.
    Ended,
    /// What was sent is not whole.
    Broken,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            State::Made => "made",
            State::Running => "running",
            State::Ended => "ended",
            State::Broken => "broken",
        }
    }

    fn from_name(name: &str) -> Option<State> {
        [State::Made, State::Running, State::Ended, State::Broken]
            .into_iter()
            .find(|state| state.name() == name)
    }
}

/// Why an export broke off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Problem {
    /// The reader stopped.
    Reader,
    /// The database did not answer.
    Database,
    /// The file could not be made.
    File,
}

impl Problem {
    pub fn name(self) -> &'static str {
        match self {
            Problem::Reader => "reader",
            Problem::Database => "database",
            Problem::File => "file",
        }
    }

    fn from_name(name: &str) -> Option<Problem> {
        [Problem::Reader, Problem::Database, Problem::File].into_iter().find(|problem| problem.name() == name)
    }
}

/// One export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    pub id: String,
    pub operator: String,
    pub content: Content,
    pub format: Format,
    /// The filter, as the query of the list's address.
    pub query: String,
    /// The language of the file: `zh` or `en`.
    pub lang: String,
    pub state: State,
    /// Rows that it will have, where that is known.
    pub whole: Option<i64>,
    /// Rows that were sent.
    pub done: i64,
    pub problem: Option<Problem>,
    pub made_at: UnixMillis,
    pub moved_at: UnixMillis,
}

const SELECT: &str = "SELECT id, operator, list, format, query, lang, state, whole, done, problem, made_at, moved_at FROM exports";

fn export(row: &AnyRow) -> Result<Export, DbError> {
    let row = Row::of("exports", &["id"], row);
    Ok(Export {
        id: row.get("id")?,
        operator: row.get("operator")?,
        content: row.word("list", Content::from_name)?,
        format: row.word("format", Format::from_name)?,
        query: row.get("query")?,
        lang: row.get("lang")?,
        state: row.word("state", State::from_name)?,
        whole: row.get("whole")?,
        done: row.get("done")?,
        problem: row.word_optional("problem", Problem::from_name)?,
        made_at: row.time("made_at")?,
        moved_at: row.time("moved_at")?,
    })
}

/// Writes one that was asked for.
///
/// # Errors
/// [`DbError`].
pub async fn make(db: &Db, export: Export) -> Result<(), DbError> {
    const MAKE: &str = "INSERT INTO exports (id, operator, list, format, query, lang, state, whole, made_at, moved_at) \
         VALUES ($1, $2, $3, $4, $5, $6, 'made', $7, $8, $8)";
    let db = db.clone();
    db.clone()
        .run_to_completion(async move {
            let mut transaction = db.begin().await?;
            sqlx::query(MAKE)
                .bind(export.id)
                .bind(export.operator)
                .bind(export.content.name())
                .bind(export.format.name())
                .bind(export.query)
                .bind(export.lang)
                .bind(export.whole)
                .bind(export.made_at.get())
                .execute(transaction.connection())
                .await?;
            transaction.commit().await
        })
        .await
}

/// One export of this operator.
///
/// # Errors
/// [`DbError`].
pub async fn find(db: &Db, operator: &str, id: &str) -> Result<Option<Export>, DbError> {
    let sql = format!("{SELECT} WHERE id = $1 AND operator = $2");
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id).bind(operator);
    query.fetch_optional(&mut *db.reading().await?).await?.as_ref().map(export).transpose()
}

/// The newest exports of all operators.
///
/// # Errors
/// [`DbError`].
pub async fn newest(db: &Db, limit: i64) -> Result<Vec<Export>, DbError> {
    let sql = format!("{SELECT} ORDER BY made_at DESC, id DESC LIMIT $1");
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(limit);
    query.fetch_all(&mut *db.reading().await?).await?.iter().map(export).collect()
}

/// Exports that are made at the same time, on all instances together: each reads without pause.
pub const AT_ONCE: i64 = 4;

/// What came of beginning an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    Yes,
    /// This operator has another one that moves.
    Another,
    /// [`AT_ONCE`] are being made.
    Full,
}

/// Begins an export with its row of the audit, unless there are others; then nothing is written.
///
/// # Errors
/// [`DbError`].
pub async fn begin(db: &Db, export: &Export, now: UnixMillis, audit: AuditEntry) -> Result<Begun, DbError> {
    // Two at the same moment may both begin, which does no harm.
    const MOVING: &str = "SELECT operator FROM exports WHERE state = 'running' AND moved_at > $1";
    const BEGIN: &str =
        "UPDATE exports SET state = 'running', done = 0, problem = NULL, moved_at = $2 WHERE id = $1";
    let (db, id, operator) = (db.clone(), export.id.clone(), export.operator.clone());
    db.clone()
        .run_to_completion(async move {
            let mut transaction = db.begin().await?;
            let moving = sqlx::query(MOVING)
                .bind(now.plus_ms(-STALE_MS).get())
                .fetch_all(transaction.connection())
                .await?;
            let names = moving.iter().map(|row| column(row, "operator"));
            let names: Vec<String> = names.collect::<Result<_, _>>()?;
            let begun = match names.contains(&operator) {
                true => Begun::Another,
                false if names.len() as i64 >= AT_ONCE => Begun::Full,
                false => Begun::Yes,
            };
            if begun != Begun::Yes {
                transaction.rollback().await;
                return Ok(begun);
            }
            sqlx::query(BEGIN).bind(id).bind(now.get()).execute(transaction.connection()).await?;
            record(&mut transaction, &db.random, &audit).await?;
            transaction.commit().await?;
            Ok(begun)
        })
        .await
}

/// Keeps how many rows were sent.
///
/// # Errors
/// [`DbError`].
pub async fn moved(db: &Db, id: &str, done: i64, now: UnixMillis) -> Result<(), DbError> {
    let (db, id) = (db.clone(), id.to_owned());
    db.clone()
        .run_to_completion(async move {
            let mut transaction = db.begin().await?;
            sqlx::query("UPDATE exports SET done = $2, moved_at = $3 WHERE id = $1 AND state = 'running'")
                .bind(id)
                .bind(done)
                .bind(now.get())
                .execute(transaction.connection())
                .await?;
            transaction.commit().await
        })
        .await
}

/// Ends an export, whole or broken off, with its row of the audit.
///
/// # Errors
/// [`DbError`].
pub async fn end(
    db: &Db,
    id: &str,
    done: i64,
    problem: Option<Problem>,
    now: UnixMillis,
    audit: AuditEntry,
) -> Result<(), DbError> {
    const END: &str = "UPDATE exports SET state = $2, done = $3, problem = $4, moved_at = $5 WHERE id = $1";
    let state = if problem.is_some() { State::Broken } else { State::Ended };
    let (db, id) = (db.clone(), id.to_owned());
    db.clone()
        .run_to_completion(async move {
            let mut transaction = db.begin().await?;
            sqlx::query(END)
                .bind(id)
                .bind(state.name())
                .bind(done)
                .bind(problem.map(Problem::name))
                .bind(now.get())
                .execute(transaction.connection())
                .await?;
            record(&mut transaction, &db.random, &audit).await?;
            transaction.commit().await
        })
        .await
}

/// Keeps the row of the audit of an export that was small enough to be made at once.
///
/// # Errors
/// [`DbError`].
pub async fn recorded(db: &Db, audit: AuditEntry) -> Result<(), DbError> {
    let db = db.clone();
    db.clone()
        .run_to_completion(async move {
            let mut transaction = db.begin().await?;
            record(&mut transaction, &db.random, &audit).await?;
            transaction.commit().await
        })
        .await
}
