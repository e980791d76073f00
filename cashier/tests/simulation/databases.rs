//! Fresh databases, fast: a copy of a migrated file, or a PostgreSQL database that is emptied.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use cashier::Db;
use sqlx::{AnyConnection, AssertSqlSafe, Connection, Executor, Row};
use tokio::runtime::Builder;

/// Where databases are made.
#[derive(Debug)]
pub enum Databases {
    /// In memory where the machine has a file system there: what a power cut leaves is not tried here, and a real flush
    /// for every commit would be most of the time.
    Sqlite { folder: tempfile::TempDir, template: PathBuf },
    /// Databases that are emptied and used again: making one takes longer than a seed.
    Postgres { free: Arc<Mutex<Vec<String>>> },
}

/// One database.
#[derive(Debug)]
pub struct Fresh {
    pub url: String,
    /// What becomes of it in the end.
    after: After,
}

#[derive(Debug)]
enum After {
    Remove(PathBuf),
    GiveBack(Arc<Mutex<Vec<String>>>),
}

impl Drop for Fresh {
    fn drop(&mut self) {
        match &self.after {
            After::Remove(file) => {
                for end in ["", "-wal", "-shm"] {
                    // A process that died a moment ago may have closed it, and with that removed these two.
                    let _ = std::fs::remove_file(format!("{}{end}", file.display()));
                }
            }
            After::GiveBack(free) => free.lock().unwrap().push(self.url.clone()),
        }
    }
}

static NEXT: AtomicU64 = AtomicU64::new(0);

impl Databases {
    pub fn sqlite() -> Databases {
        let memory = PathBuf::from("/dev/shm");
        let folder =
            if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        let template = folder.path().join("template.db");
        block_on(async {
            let db = Db::open(&format!("sqlite://{}", template.display())).await.unwrap();
            db.pool().close().await;
        });
        Databases::Sqlite { folder, template }
    }

    pub fn postgres() -> Databases {
        Databases::Postgres { free: Arc::default() }
    }

    pub fn fresh(&self) -> Fresh {
        match self {
            Databases::Sqlite { folder, template } => {
                let n = NEXT.fetch_add(1, Ordering::Relaxed);
                let file = folder.path().join(format!("{n}.db"));
                std::fs::copy(template, &file).unwrap();
                Fresh { url: format!("sqlite://{}", file.display()), after: After::Remove(file) }
            }
            Databases::Postgres { free } => {
                let used = free.lock().unwrap().pop();
                let url = block_on(async {
                    match used {
                        Some(url) => empty(url).await,
                        None => {
                            let url = testdb::postgres().await;
                            Db::open(&url).await.unwrap().pool().close().await;
                            hurry(&url).await;
                            url
                        }
                    }
                });
                Fresh { url, after: After::GiveBack(Arc::clone(free)) }
            }
        }
    }
}

/// No commit waits for the disk: what a power cut leaves is not tried here.
async fn hurry(url: &str) {
    let mut db = AnyConnection::connect(url).await.unwrap();
    let name: String =
        sqlx::query("SELECT CAST(current_database() AS TEXT)").fetch_one(&mut db).await.unwrap().get(0);
    db.execute(AssertSqlSafe(format!("ALTER DATABASE {name} SET synchronous_commit = off"))).await.unwrap();
    db.close().await.unwrap();
}

/// Brings every table of ours back to what the migrations made.
async fn empty(url: String) -> String {
    let mut db = AnyConnection::connect(&url).await.unwrap();
    let tables = "SELECT CAST(string_agg(tablename, ', ') AS TEXT) FROM pg_tables \
         WHERE schemaname = 'public' AND tablename NOT IN ('_sqlx_migrations', 'limits', 'outbox_numbering')";
    let tables: String = sqlx::query(tables).fetch_one(&mut db).await.unwrap().get(0);
    db.execute(AssertSqlSafe(format!("TRUNCATE {tables}"))).await.unwrap();
    // Their rows are the migrations' own.
    db.execute("UPDATE limits SET next_at = 0").await.unwrap();
    db.execute("UPDATE outbox_numbering SET holder = '', claimed_until = 0, last_seq = 0").await.unwrap();
    db.close().await.unwrap();
    url
}

fn block_on<T>(what: impl Future<Output = T>) -> T {
    Builder::new_current_thread().enable_all().build().unwrap().block_on(what)
}
