//! The file of a SQLite database: created with its folder for its owner alone.

use std::fs::{DirBuilder, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;

use super::OpenError;

/// The database file that a `sqlite:` URL names; `None` for a database in memory and for other engines.
pub fn path(url: &str) -> Option<PathBuf> {
    let file = url.split('?').next()?.strip_prefix("sqlite:")?.trim_start_matches("//");
    let file = percent_decode_str(file).decode_utf8().ok()?.into_owned();
    (!file.is_empty() && !file.starts_with(':')).then(|| PathBuf::from(file))
}

/// The database file with its write-ahead log and the log's index.
pub fn all_paths(url: &str) -> Vec<PathBuf> {
    let Some(file) = path(url) else { return Vec::new() };
    let beside = |suffix: &str| {
        let mut name = file.clone().into_os_string();
        name.push(suffix);
        PathBuf::from(name)
    };
    let (log, index) = (beside("-wal"), beside("-shm"));
    vec![file, log, index]
}

/// Creates the folder (mode 0700) and the file (0600) where they are missing, and answers the URL with `mode=rwc`, without
/// which sqlx's `Any` driver creates nothing. SQLite gives `-wal` and `-shm` the mode of the database file.
/// Source: <https://www.sqlite.org/src/doc/trunk/src/os_unix.c>, `findCreateFileMode`.
///
/// # Errors
/// [`OpenError::Folder`], [`OpenError::File`].
pub(super) fn prepare(url: &str) -> Result<String, OpenError> {
    let (address, options) = url.split_once('?').unwrap_or((url, ""));
    if options.contains("mode=") {
        return Ok(url.to_owned());
    }
    if let Some(file) = path(url) {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        folder.map_or(Ok(()), create_folder)?;
        let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file);
        if let Err(source) = created
            && source.kind() != ErrorKind::AlreadyExists
        {
            return Err(OpenError::File { file: file.display().to_string(), source });
        }
    }
    Ok(format!("{address}?mode=rwc&{options}"))
}

fn create_folder(folder: &Path) -> Result<(), OpenError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|source| OpenError::Folder { folder: folder.display().to_string(), source })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::Db;
    use crate::db::facts;

    #[test]
    fn a_url_names_its_file_unless_the_database_is_in_memory() {
        for (url, file) in [
            ("sqlite://data/saoma.db", Some("data/saoma.db")),
            ("sqlite:saoma.db?mode=ro", Some("saoma.db")),
            ("sqlite:///var/lib/a%20b.db", Some("/var/lib/a b.db")),
            ("sqlite::memory:", None),
            ("postgres://localhost/saoma", None),
        ] {
            assert_eq!(path(url), file.map(PathBuf::from), "{url}");
        }
        let all = all_paths("sqlite://data/saoma.db");
        assert_eq!(all, ["data/saoma.db", "data/saoma.db-wal", "data/saoma.db-shm"].map(PathBuf::from));
    }

    #[tokio::test]
    async fn a_new_database_and_its_folder_are_for_their_owner_alone() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path().join("new");
        let url = format!("sqlite://{}/saoma.db", folder.display());
        let db = Db::open(&url).await.unwrap();
        // A connection that has read keeps the files beside it there.
        facts::get(&db, "identity").await.unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        for file in all_paths(&url) {
            assert_eq!(mode(&file), 0o600, "{}", file.display());
        }
    }
}
