//! Persistence of orders, open notices, keys and short codes. Memory is the working copy; the database is read once, when the sandbox opens.
//! Group commit: one task writes, many changes to a transaction.

use std::collections::HashMap;
use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};
use sqlx::{Any, AnyPool, AssertSqlSafe, Row, Transaction};
use tokio::sync::{mpsc, oneshot};
use wxpay::UnixMillis;

use crate::notices::Pending;
use crate::orders::Order;
use crate::v3::keys::Keys;

const ORDERS_DDL: &str = "CREATE TABLE IF NOT EXISTS sandbox_orders \
    (id TEXT PRIMARY KEY, document TEXT NOT NULL, created_at BIGINT NOT NULL)";
const NOTICES_DDL: &str = "CREATE TABLE IF NOT EXISTS sandbox_notices \
    (id TEXT PRIMARY KEY, document TEXT NOT NULL, created_at BIGINT NOT NULL)";

const SHORT_CODES_DDL: &str = "CREATE TABLE IF NOT EXISTS sandbox_short_codes \
    (id TEXT PRIMARY KEY, document TEXT NOT NULL, created_at BIGINT NOT NULL)";

const KEYS_DDL: &str = "CREATE TABLE IF NOT EXISTS sandbox_keys \
    (id TEXT PRIMARY KEY, document TEXT NOT NULL, created_at BIGINT NOT NULL)";

/// The most changes in one transaction, and rows in one statement.
const BATCH: usize = 256;
/// Attempts at a busy database, with growing pauses: about 5 s in all.
const TRIES: u32 = 10;

/// Why the store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database itself.
    #[error("the sandbox's tables could not be read or written")]
    Database(#[from] sqlx::Error),
    /// Written by another version.
    #[error("a document in the sandbox's tables is not what this version writes")]
    Document(#[from] serde_json::Error),
}

/// One row to write or to delete.
#[derive(Debug)]
pub struct Change {
    table: Table,
    id: String,
    /// The document and its time; `None` deletes the row.
    row: Option<(String, UnixMillis)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Table {
    Orders,
    Notices,
    Keys,
    ShortCodes,
}

impl Change {
    pub fn order(order: &Order) -> Self {
        let id = order.out_trade_no.clone();
        Change { table: Table::Orders, id, row: Some((to_json(order), order.created_at)) }
    }

    pub fn notice(notice: &Pending) -> Self {
        let id = notice.id.clone();
        Change { table: Table::Notices, id, row: Some((to_json(notice), notice.due_inner)) }
    }

    /// There is one row of them.
    pub fn keys(keys: &Keys) -> Self {
        let made = keys.merchant.not_before;
        Change { table: Table::Keys, id: "identity".to_owned(), row: Some((to_json(keys), made)) }
    }

    /// A printed code must outlive a restart.
    pub fn short_code(short: &str, long: &str, now: UnixMillis) -> Self {
        let id = short.to_owned();
        Change { table: Table::ShortCodes, id, row: Some((to_json(&(short, long)), now)) }
    }

    pub fn notice_done(id: &str) -> Self {
        Change { table: Table::Notices, id: id.to_owned(), row: None }
    }
}

/// Makes the tables where they are missing. Programs that start together take turns: PostgreSQL's IF NOT EXISTS does not keep
/// them apart, and one would end with a duplicate key in its catalogue.
async fn make_tables(pool: &AnyPool, sqlite: bool) -> Result<(), sqlx::Error> {
    const TURN: &str = "SELECT 1 AS turn FROM pg_advisory_xact_lock(7305804385294803567)";
    let mut transaction = pool.begin().await?;
    if !sqlite {
        sqlx::query(TURN).execute(&mut *transaction).await?;
    }
    for table in [ORDERS_DDL, NOTICES_DDL, KEYS_DDL, SHORT_CODES_DDL] {
        sqlx::query(table).execute(&mut *transaction).await?;
    }
    transaction.commit().await
}

/// Never fails: all maps have text keys.
fn to_json(document: &impl Serialize) -> String {
    serde_json::to_string(document).unwrap_or_default()
}

enum Task {
    /// Changes of one transaction.
    Keep {
        changes: Vec<Change>,
        done: oneshot::Sender<bool>,
    },
    ForgetOrders {
        before: UnixMillis,
    },
}

/// Sends changes to the writing task.
#[derive(Debug, Clone)]
pub struct Store(mpsc::UnboundedSender<Task>);

/// Whether the changes are on disk.
#[derive(Debug)]
pub struct Kept(Option<oneshot::Receiver<bool>>);

impl Kept {
    /// Without a store, or without a change.
    pub fn nothing() -> Self {
        Kept(None)
    }

    pub async fn on_disk(self) -> bool {
        match self.0 {
            Some(done) => done.await.unwrap_or(false),
            None => true,
        }
    }
}

/// What a store had kept.
#[derive(Debug, Default)]
pub struct Read {
    pub orders: Vec<Order>,
    pub notices: Vec<Pending>,
    /// `None` at the first start.
    pub keys: Option<Keys>,
    /// Each short code with the long one that it stands for.
    pub short_codes: Vec<(String, String)>,
}

impl Store {
    /// Makes the tables where they are missing and reads what was kept.
    /// # Errors
    /// [`StoreError`] if the database does not answer or holds something else.
    pub async fn open(pool: AnyPool) -> Result<(Store, Read), StoreError> {
        let sqlite = pool.acquire().await?.backend_name() == "SQLite";
        make_tables(&pool, sqlite).await?;
        let orders = read(&pool, "SELECT document FROM sandbox_orders").await?;
        let notices = read(&pool, "SELECT document FROM sandbox_notices").await?;
        let keys = read(&pool, "SELECT document FROM sandbox_keys").await?.pop();
        let short_codes = read(&pool, "SELECT document FROM sandbox_short_codes").await?;
        let (send, receive) = mpsc::unbounded_channel();
        tokio::spawn(write(pool, sqlite, receive));
        Ok((Store(send), Read { orders, notices, keys, short_codes }))
    }

    /// Takes the changes in the order of the calls; the caller waits for [`Kept`].
    pub fn keep(&self, changes: Vec<Change>) -> Kept {
        let (done, kept) = oneshot::channel();
        // A writer that is gone drops `done`, which the caller sees.
        let _ = self.0.send(Task::Keep { changes, done });
        Kept(Some(kept))
    }

    pub fn forget_orders(&self, before: UnixMillis) {
        let _ = self.0.send(Task::ForgetOrders { before });
    }
}

async fn read<T: DeserializeOwned>(pool: &AnyPool, select: &'static str) -> Result<Vec<T>, StoreError> {
    let rows = sqlx::query(select).fetch_all(pool).await?;
    rows.iter().map(|row| Ok(serde_json::from_str(row.try_get::<&str, _>(0)?)?)).collect()
}

/// The one task that writes; ends when the last [`Store`] is dropped.
async fn write(pool: AnyPool, sqlite: bool, mut tasks: mpsc::UnboundedReceiver<Task>) {
    let mut batch = Vec::with_capacity(BATCH);
    while tasks.recv_many(&mut batch, BATCH).await > 0 {
        let mut rows = HashMap::new();
        let mut waiting = Vec::new();
        let mut forget = None;
        for task in batch.drain(..) {
            match task {
                Task::Keep { changes, done } => {
                    // The last change of a row wins; one statement cannot name a row twice.
                    rows.extend(changes.into_iter().map(|c| ((c.table, c.id), c.row)));
                    waiting.push(done);
                }
                Task::ForgetOrders { before } => forget = Some(before),
            }
        }
        let kept = commit_patiently(&pool, sqlite, &rows, forget).await;
        for done in waiting {
            // The caller may be gone; the change stays.
            let _ = done.send(kept);
        }
    }
}

type Rows = HashMap<(Table, String), Option<(String, UnixMillis)>>;

async fn commit_patiently(pool: &AnyPool, sqlite: bool, rows: &Rows, forget: Option<UnixMillis>) -> bool {
    for attempt in 1..=TRIES {
        match commit(pool, sqlite, rows, forget).await {
            Ok(()) => return true,
            Err(error) if attempt == TRIES => {
                tracing::error!(%error, "the sandbox store could not write {} rows: {error}", rows.len());
            }
            Err(error) => {
                tracing::warn!(%error, "the sandbox store is busy, retrying: {error}");
                tokio::time::sleep(Duration::from_millis(u64::from(attempt) * 100)).await;
            }
        }
    }
    false
}

async fn commit(
    pool: &AnyPool,
    sqlite: bool,
    rows: &Rows,
    forget: Option<UnixMillis>,
) -> Result<(), sqlx::Error> {
    // A deferred SQLite transaction may fail when it turns to writing, without waiting.
    let mut tx = pool.begin_with(if sqlite { "BEGIN IMMEDIATE" } else { "BEGIN" }).await?;
    let tables = [
        (Table::Orders, "sandbox_orders"),
        (Table::Notices, "sandbox_notices"),
        (Table::Keys, "sandbox_keys"),
        (Table::ShortCodes, "sandbox_short_codes"),
    ];
    for (table, name) in tables {
        let of_table = || rows.iter().filter(move |((of, _), _)| *of == table);
        let kept: Vec<_> =
            of_table().filter_map(|((_, id), row)| row.as_ref().map(|(json, at)| (id, json, at))).collect();
        for part in kept.chunks(BATCH) {
            upsert(&mut tx, name, part).await?;
        }
        for ((_, id), _) in of_table().filter(|(_, row)| row.is_none()) {
            let delete = AssertSqlSafe(format!("DELETE FROM {name} WHERE id = $1"));
            sqlx::query(delete).bind(id.as_str()).execute(&mut *tx).await?;
        }
    }
    if let Some(before) = forget {
        let delete = "DELETE FROM sandbox_orders WHERE created_at < $1";
        sqlx::query(delete).bind(before.get()).execute(&mut *tx).await?;
    }
    tx.commit().await
}

async fn upsert(
    tx: &mut Transaction<'_, Any>,
    table: &'static str,
    rows: &[(&String, &String, &UnixMillis)],
) -> Result<(), sqlx::Error> {
    let values: Vec<String> = (0..rows.len())
        .map(|row| format!("(${}, ${}, ${})", row * 3 + 1, row * 3 + 2, row * 3 + 3))
        .collect();
    // Only table names and parameter numbers are written into the text.
    let insert = AssertSqlSafe(format!(
        "INSERT INTO {table} (id, document, created_at) VALUES {} \
         ON CONFLICT (id) DO UPDATE SET document = excluded.document",
        values.join(", ")
    ));
    let mut query = sqlx::query(insert);
    for (id, document, at) in rows {
        query = query.bind(id.as_str()).bind(document.as_str()).bind(at.get());
    }
    query.execute(&mut **tx).await?;
    Ok(())
}
