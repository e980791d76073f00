//! Fresh databases for tests: a SQLite file, and a database on the PostgreSQL that `scripts/postgres.sh` starts.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::path::Path;

use sqlx::{AnyConnection, AssertSqlSafe, Connection};
use tempfile::TempDir;

/// The address of a SQLite file in `folder`, which is made when it is opened.
pub fn sqlite(folder: &Path) -> String {
    format!("sqlite://{}/saoma.db", folder.display())
}

/// The address of an empty database on the tests' server. It goes away with the server.
pub async fn postgres() -> String {
    let server = std::env::var("SAOMA_TEST_POSTGRES")
        .expect("SAOMA_TEST_POSTGRES is not set: run `scripts/postgres.sh cargo test`");
    create_on(&server).await
}

/// The same on the server that `server` is a database of.
pub async fn create_on(server: &str) -> String {
    sqlx::any::install_default_drivers();
    let name = format!("t{:016x}", rand::random::<u64>());
    let mut connection = AnyConnection::connect(server).await.unwrap();
    sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let (base, _) = server.rsplit_once('/').unwrap();
    format!("{base}/{name}")
}

/// One of each, and the folder of the first.
pub async fn both() -> (TempDir, [String; 2]) {
    let folder = tempfile::tempdir().unwrap();
    let addresses = [sqlite(folder.path()), postgres().await];
    (folder, addresses)
}
