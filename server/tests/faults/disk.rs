//! The disk is full (scenario 21): nothing is acknowledged that is not stored, and space is all that it needs to go on.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use sqlx::{AnyConnection, Connection as _, Executor as _};
use tempfile::TempDir;
use tokio::time::sleep;

use super::load::Load;
use super::process::{Saoma, self_check};
use super::{asked, till};

const ORDERS_PER_ROUND: usize = 600;

/// After there is space again, notices must be acknowledged within this. It takes a moment; a busy machine needs longer.
const WELL_WITHIN: Duration = Duration::from_secs(60);

/// A file system of a few megabytes, in memory.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount(size: &str) -> SmallDisk {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={size}");
        let arguments = ["-t", "tmpfs", "-o", &size, "tmpfs"];
        let mounted = Command::new("mount").args(arguments).arg(folder.path()).status().unwrap();
        assert!(mounted.success(), "mounting a small disk needs root");
        SmallDisk(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Takes all the space that is left.
    fn fill(&self) -> PathBuf {
        let file = self.path().join("filler");
        let mut filler = fs::OpenOptions::new().create(true).append(true).open(&file).unwrap();
        // In small pieces, so that the last page is taken too.
        for size in [1 << 16, 1 << 12, 1] {
            let piece = vec![0; size];
            while filler.write_all(&piece).is_ok() {}
        }
        file
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: whoever still has a file open there is about to end.
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

/// The log keeps its length and is written over from its start: all of a round would fit into what an earlier one left.
async fn shorten_log(database: &str) {
    let mut connection = AnyConnection::connect(database).await.unwrap();
    connection.execute("PRAGMA busy_timeout = 5000; PRAGMA wal_checkpoint(TRUNCATE)").await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn a_full_disk_acknowledges_nothing_and_heals_by_itself() {
    let rounds = asked("DISK_ROUNDS", 4);
    let disk = SmallDisk::mount(&format!("{}m", 32 + 2 * rounds));
    let database = testdb::sqlite(disk.path());
    let mut saoma = Saoma::start(&database);
    for round in 1..=rounds {
        let orders = Arc::new(till::orders(&database, ORDERS_PER_ROUND).await);
        shorten_log(&database).await;
        let load = Load::new(&orders);
        let mut posting = load.run(&saoma.addr, 16);
        sleep(Duration::from_millis(rand::random_range(0..50))).await;
        let mut filler = disk.fill();
        let full = Instant::now();
        while load.later.load(Ordering::SeqCst) < 32 {
            assert!(full.elapsed() < WELL_WITHIN, "round {round}: nobody felt the full disk");
            // A checkpoint may have given space back.
            filler = disk.fill();
            sleep(Duration::from_millis(20)).await;
        }
        fs::remove_file(&filler).unwrap();
        let (free, waiting) = (Instant::now(), load.waiting());
        assert!(waiting > 0, "round {round}: nothing was left to do");
        while load.waiting() == waiting {
            assert!(free.elapsed() < WELL_WITHIN, "round {round}: not well again: {}", saoma.log());
            sleep(Duration::from_millis(20)).await;
        }
        while let Some(posted) = posting.join_next().await {
            posted.unwrap();
        }
        till::hold(&database, &orders, &vec![true; orders.len()]).await;
    }
    assert!(saoma.is_running(), "it was not to be started again");
    self_check(&database);
    drop(saoma);
}
