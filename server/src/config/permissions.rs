//! Which files with secrets every user of the machine can reach.

use std::{
    fmt,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

/// A file with secrets whose mode has a bit for users other than its owner and group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exposed {
    pub file: PathBuf,
    mode: u32,
}

impl fmt::Display for Exposed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, mode) = (self.file.display(), self.mode);
        write!(
            f,
            "{file} holds secrets and every user of this machine can open it (mode {mode:04o}): chmod 600 {file}"
        )
    }
}

/// Those of `files` that others can open; a file that is not there is none.
pub fn exposed<'a>(files: impl IntoIterator<Item = &'a Path>) -> Vec<Exposed> {
    let mode = |file: &Path| file.metadata().ok().map(|found| found.permissions().mode() & 0o777);
    let exposed = |file: &Path| {
        let mode = mode(file)?;
        (mode & 0o007 != 0).then(|| Exposed { file: file.to_owned(), mode })
    };
    files.into_iter().filter_map(exposed).collect()
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, set_permissions, write};

    use super::*;

    #[test]
    fn a_file_is_exposed_if_users_outside_its_group_can_open_it() {
        let folder = tempfile::tempdir().unwrap();
        let (file, missing) = (folder.path().join("key.pem"), folder.path().join("missing.pem"));
        write(&file, "").unwrap();
        for (mode, is_exposed) in [(0o600, false), (0o640, false), (0o644, true), (0o602, true)] {
            set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            let found = exposed([file.as_path(), &missing]);
            assert_eq!(found.len(), usize::from(is_exposed), "{mode:o}: {found:?}");
        }
    }
}
