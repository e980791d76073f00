//! A PostgreSQL of the test's own, to be killed.

use std::process::{Command, Output};
use std::time::Duration;

use sqlx::{AnyConnection, Connection as _, Executor as _, Row as _};
use tempfile::TempDir;
use tokio::time::sleep;

use super::free_address;

/// From here on the primary at this address answers a commit once its standby has it too.
pub async fn until_synchronous(primary: &str) {
    let mut primary = AnyConnection::connect(primary).await.unwrap();
    for statement in ["ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()"] {
        primary.execute(statement).await.unwrap();
    }
    let state = "SELECT COUNT(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
    while sqlx::query(state).fetch_one(&mut primary).await.unwrap().get::<i64, _>(0) == 0 {
        sleep(Duration::from_millis(20)).await;
    }
}

pub struct Cluster {
    folder: TempDir,
    port: String,
}

impl Cluster {
    fn on_a_free_port() -> Cluster {
        let folder = tempfile::Builder::new().prefix("saoma-cluster.").tempdir_in("/tmp").unwrap();
        let port = free_address().port().to_string();
        Cluster { folder, port }
    }

    pub fn start() -> Cluster {
        let cluster = Cluster::on_a_free_port();
        cluster.run("make");
        cluster.run("start");
        cluster
    }

    /// A standby of this one, which takes all that is committed from now on before the commit is answered.
    pub async fn standby(&self) -> Cluster {
        let standby = Cluster::on_a_free_port();
        standby.run_with("copy", &[&self.port]);
        standby.run("start");
        until_synchronous(&self.address()).await;
        standby
    }

    /// Makes a standby the primary.
    pub fn promote(&self) {
        self.run("promote");
    }

    pub fn port(&self) -> u16 {
        self.port.parse().unwrap()
    }

    /// As a power cut: no answer to anybody, nothing more written, a recovery at the next start.
    pub fn kill(&self) {
        self.run("kill");
    }

    pub fn start_again(&self) {
        self.run("start");
    }

    /// Its first database, as a user who may create others.
    pub fn address(&self) -> String {
        format!("postgres://saoma@127.0.0.1:{}/saoma", self.port)
    }

    fn run(&self, what: &str) {
        self.run_with(what, &[]);
    }

    fn run_with(&self, what: &str, more: &[&str]) {
        let output = self.output(what, more);
        assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn output(&self, what: &str, more: &[&str]) -> Output {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/cluster.sh");
        let folder = self.folder.path().to_str().unwrap();
        Command::new("bash").args([script, what, folder, &self.port]).args(more).output().unwrap()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // It may be down already.
        drop(self.output("kill", &[]));
    }
}
