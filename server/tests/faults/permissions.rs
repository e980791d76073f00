//! Files that the program creates, and those with secrets that it finds, on a machine with other users.

use std::fs::{Permissions, read_to_string, set_permissions, write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::process::Saoma;

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

#[test]
fn what_the_program_creates_is_for_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let saoma = Saoma::start(&format!("sqlite://{}/saoma.db", data.display()));
    assert_eq!(mode(&data), 0o700);
    for name in ["saoma.db", "saoma.db-wal", "saoma.db-shm"] {
        assert_eq!(mode(&data.join(name)), 0o600, "{name}");
    }
    // Also for files that nobody thought of: core dumps, what a library writes.
    let status = read_to_string(format!("/proc/{}/status", saoma.id())).unwrap();
    assert!(status.contains("Umask:\t0077"), "{status}");
    assert!(!saoma.log().contains("chmod"), "{}", saoma.log());
}

#[test]
fn files_with_secrets_that_every_user_can_read_are_named_at_start() {
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite://{}/saoma.db", folder.path().display());
    let settings = folder.path().join("saoma.toml");
    write(&settings, "user_token_secret = \"a secret of more than 32 bytes, for tests\"\n").unwrap();
    drop(Saoma::start(&database));
    for name in ["saoma.toml", "saoma.db"] {
        let file = folder.path().join(name);
        set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        let saoma = Saoma::start_with(&database, |command| {
            command.arg("--config").arg(&settings);
        });
        let line = format!("chmod 600 {}", file.display());
        assert_eq!(saoma.log().lines().filter(|said| said.ends_with(&line)).count(), 1);
        assert!(!saoma.log().contains("a secret of more"), "{}", saoma.log());
    }
}
