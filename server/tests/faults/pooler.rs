//! pgbouncer in transaction mode stands between the program and PostgreSQL, and lends its clients sessions of the server in turn.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sqlx::{AnyConnection, Connection as _, Executor as _, Row as _};
use tempfile::TempDir;
use tokio::time::sleep;

use super::free_address;
use super::process::{SECRET, Saoma, program};

/// Sessions of the server that it lends.
const SESSIONS: usize = 6;

struct Pooler {
    child: Child,
    /// The database's address through it.
    address: String,
    _folder: TempDir,
}

impl Pooler {
    async fn of(database: &str) -> Pooler {
        let folder = tempfile::Builder::new().prefix("saoma-pooler.").tempdir_in("/tmp").unwrap();
        let port = free_address().port().to_string();
        let (server, name) = database.rsplit_once('/').unwrap();
        let (_, behind) = server.rsplit_once(':').unwrap();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/pooler.sh");
        let mut command = Command::new("bash");
        command.arg(script).arg(folder.path()).args([&port, behind, &SESSIONS.to_string()]);
        let child = command.stdin(Stdio::null()).spawn().unwrap();
        let address = format!("postgres://saoma@127.0.0.1:{port}/{name}");
        let pooler = Pooler { child, address, _folder: folder };
        // The first time it is fetched.
        let began = Instant::now();
        while let Err(error) = AnyConnection::connect(&pooler.address).await {
            assert!(began.elapsed() < Duration::from_secs(120), "pgbouncer does not answer: {error}");
            sleep(Duration::from_millis(50)).await;
        }
        pooler
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What each session that is lent says of a setting: all at once, each held by a transaction.
async fn each_session_says(pooler: &Pooler, setting: &str) -> Vec<String> {
    let mut held = Vec::new();
    for _ in 0..SESSIONS {
        let mut connection = AnyConnection::connect(&pooler.address).await.unwrap();
        connection.execute("BEGIN").await.unwrap();
        held.push(connection);
    }
    let mut said = Vec::new();
    for connection in &mut held {
        let show = sqlx::raw_sql(sqlx::AssertSqlSafe(format!("SELECT current_setting('{setting}')")));
        said.push(show.fetch_one(&mut *connection).await.unwrap().get::<String, _>(0));
        connection.execute("ROLLBACK").await.unwrap();
    }
    said
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_doctor_behind_a_pooler_leaves_no_session_that_refuses_writes() {
    let database = testdb::postgres().await;
    let pooler = Pooler::of(&database).await;
    let saoma = Saoma::start(&database);
    for _ in 0..3 {
        let folder = tempfile::tempdir().unwrap();
        let mut doctor = program(folder.path(), &pooler.address);
        doctor.args(["doctor", "--json"]).env("DATABASE_DIRECT_URL", &database);
        doctor.env("SAOMA_PUBLIC_URL", format!("http://{}", saoma.addr));
        let sandbox = saoma.sandbox.as_ref().unwrap().trim_start_matches("http://");
        doctor.env("SAOMA_SANDBOX_ADDR", sandbox).env("SAOMA_USER_TOKEN_SECRET", SECRET);
        let output = doctor.output().unwrap();
        let findings: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap();
        for id in ["database", "database_pooler", "database_writes", "open_work"] {
            let found = findings.iter().find(|found| found["id"] == id).unwrap();
            assert_eq!(found["verdict"], "good", "{found}");
        }
        let said = each_session_says(&pooler, "default_transaction_read_only").await;
        assert_eq!(said, ["off"; SESSIONS], "a session refuses writes since the doctor looked");
    }
}
