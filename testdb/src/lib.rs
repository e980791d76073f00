//! Fresh databases for tests: a SQLite file, and a database on the PostgreSQL that `scripts/postgres.sh` starts.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;

use sqlx::migrate::Migrator;
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _, Executor as _};
use tempfile::TempDir;

/// The address of a SQLite file in `folder`, which is made when it is opened.
pub fn sqlite(folder: &Path) -> String {
    format!("sqlite://{}/saoma.db", folder.display())
}

/// The address of a database on the tests' server that has the tables of this version. It goes away with the server.
///
/// It is a copy of one that the first caller makes: a copy takes a third of a second, the migrations one second by themselves.
pub async fn postgres() -> String {
    let server = server();
    let mut connection = AnyConnection::connect(&server).await.unwrap();
    let template = template(&mut connection, &server).await;
    let name = create(&mut connection, &format!("TEMPLATE {template}")).await;
    connection.close().await.unwrap();
    beside(&server, &name)
}

/// The address of an empty database there.
pub async fn empty_postgres() -> String {
    empty_on(&server()).await
}

/// The same on the server that `server` is a database of.
pub async fn empty_on(server: &str) -> String {
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect(server).await.unwrap();
    let name = create(&mut connection, "").await;
    connection.close().await.unwrap();
    beside(server, &name)
}

fn server() -> String {
    sqlx::any::install_default_drivers();
    std::env::var("SAOMA_TEST_POSTGRES").expect("SAOMA_TEST_POSTGRES is not set: run `scripts/tests.sh`")
}

/// The address of the database `name` on the server that `server` is a database of.
fn beside(server: &str, name: &str) -> String {
    let (base, _) = server.rsplit_once('/').unwrap();
    format!("{base}/{name}")
}

async fn create(connection: &mut AnyConnection, how: &str) -> String {
    let name = format!("t{:016x}", rand::random::<u64>());
    sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name} {how}"))).execute(connection).await.unwrap();
    name
}

/// The name of the database to copy, named by the migrations that were run in it. Callers at once wait for the one that makes it.
async fn template(connection: &mut AnyConnection, server: &str) -> String {
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cashier/migrations/postgres");
    let migrator = Migrator::new(files).await.unwrap();
    let mut hash = DefaultHasher::new();
    migrator.iter().for_each(|migration| migration.checksum.hash(&mut hash));
    let name = format!("tables_{:016x}", hash.finish());
    connection.execute("SELECT pg_advisory_lock(1)").await.unwrap();
    let there = sqlx::query("SELECT 1 FROM pg_database WHERE datname = $1").bind(&name);
    if there.fetch_optional(&mut *connection).await.unwrap().is_none() {
        let making = create(connection, "").await;
        let mut tables = AnyConnection::connect(&beside(server, &making)).await.unwrap();
        migrator.run(&mut tables).await.unwrap();
        tables.close().await.unwrap();
        let rename = format!("ALTER DATABASE {making} RENAME TO {name}");
        sqlx::query(AssertSqlSafe(rename)).execute(&mut *connection).await.unwrap();
    }
    connection.execute("SELECT pg_advisory_unlock(1)").await.unwrap();
    name
}

/// One of each, and the folder of the first: a file yet to be made, and a PostgreSQL database with its tables.
pub async fn both() -> (TempDir, [String; 2]) {
    of_each(postgres().await)
}

/// One of each in which nothing was made.
pub async fn both_empty() -> (TempDir, [String; 2]) {
    of_each(empty_postgres().await)
}

fn of_each(postgres: String) -> (TempDir, [String; 2]) {
    let folder = tempfile::tempdir().unwrap();
    let addresses = [sqlite(folder.path()), postgres];
    (folder, addresses)
}
