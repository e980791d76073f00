//! A PostgreSQL of the test's own, to be killed.

use std::net::TcpListener;
use std::process::Command;

use tempfile::TempDir;

pub struct Cluster {
    folder: TempDir,
    port: String,
}

impl Cluster {
    pub fn start() -> Cluster {
        let folder = tempfile::Builder::new().prefix("saoma-cluster.").tempdir_in("/tmp").unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
        let cluster = Cluster { folder, port };
        cluster.run("make");
        cluster.run("start");
        cluster
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
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/cluster.sh");
        let folder = self.folder.path().to_str().unwrap();
        let output = Command::new("bash").args([script, what, folder, &self.port]).output().unwrap();
        assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.run("kill");
    }
}
