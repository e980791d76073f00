//! The hosts of PostgreSQL that `scripts/drills/hosts.sh` makes: two, with a network of their own, behind one address.

use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use super::super::cluster::until_synchronous;

/// Where haproxy leads to the host that takes writes.
pub const PRIMARY: &str = "postgres://saoma@127.0.0.1:5432/saoma";

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/drills/hosts.sh");

pub struct Host {
    name: &'static str,
    folder: TempDir,
}

impl Host {
    /// `a` or `b`, without a database yet.
    pub fn new(name: &'static str) -> Host {
        let folder = tempfile::Builder::new().prefix("saoma-host.").tempdir_in("/tmp").unwrap();
        Host { name, folder }
    }

    /// Makes an empty database and serves it.
    pub fn make(&self) {
        self.cluster("make", None);
        self.cluster("start", None);
    }

    /// The address of its own database, past haproxy.
    pub fn address(&self) -> String {
        let number = if self.name == "a" { 1 } else { 2 };
        format!("postgres://saoma@10.77.{number}.2:5432/saoma")
    }

    /// Throws its database away, copies the primary's, and follows that from now on: a commit is answered once it is here too.
    pub async fn follow(&self, primary: &Host) {
        let data: PathBuf = self.folder.path().join("data");
        if data.exists() {
            std::fs::remove_dir_all(data).unwrap();
        }
        self.cluster("copy", Some(primary));
        self.cluster("start", None);
        until_synchronous(&primary.address()).await;
    }

    pub fn promote(&self) {
        self.cluster("promote", None);
    }

    /// `pg_ctl -m immediate`: its connections are reset.
    pub fn kill(&self) {
        self.cluster("kill", None);
    }

    /// Takes its link down: no packet comes from it any more, and it runs on.
    pub fn cut(&self) {
        self.hosts(&["cut", self.name]);
    }

    pub fn mend(&self) {
        self.hosts(&["mend", self.name]);
    }

    fn cluster(&self, what: &str, other: Option<&Host>) {
        let folder = self.folder.path().to_str().unwrap();
        let other = other.map_or(self.name, |other| other.name);
        self.hosts(&["on", self.name, what, folder, other]);
    }

    fn hosts(&self, arguments: &[&str]) {
        let output = Command::new("bash").arg(SCRIPT).args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let folder = self.folder.path().to_str().unwrap();
        // It may be down already.
        drop(Command::new("bash").args([SCRIPT, "on", self.name, "kill", folder]).output());
    }
}
