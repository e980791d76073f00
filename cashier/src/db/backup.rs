//! A copy of the whole database, consistent and checked, taken while others write to it.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::{Command, Output};

use sqlx::{AnyConnection, Connection, Row};
use tempfile::NamedTempFile;

use wxpay::UnixMillis;

use super::check::{self, Findings};
use super::{Db, DbError, DbOptions, facts, libpq};

/// What a backup came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    pub bytes: u64,
    /// What the self-check says of the copy. `None` with PostgreSQL, whose copy can only be looked into once it is
    /// restored, and for tables of another version.
    pub findings: Option<Findings>,
}

/// Why there is no backup. Nothing is left behind.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("DATABASE_URL must begin with sqlite: or postgres:")]
    UnknownEngine,
    #[error("DATABASE_URL: there is no database {0}")]
    NoDatabase(String),
    #[error("{0} is there already, and a backup overwrites nothing")]
    Exists(String),
    #[error("the copy cannot be written to {file}")]
    Write { file: String, source: io::Error },
    #[error("DATABASE_URL: the database cannot be copied")]
    Copy(#[source] DbError),
    #[error("the copy is damaged ({0}), and perhaps the database too: keep its older backups")]
    Damaged(String),
    #[error(
        "{program} is missing: install PostgreSQL's client programs, version {version} or newer (Debian: postgresql-client)"
    )]
    NoProgram { program: &'static str, version: String },
    #[error("{program}: {said}")]
    Program { program: &'static str, said: String },
}

/// The fact that says when the last backup was made, in milliseconds.
const LAST: &str = "last_backup_at";

/// Notes in the database that a backup of it was made, so that its age can be watched.
///
/// # Errors
/// [`DbError`]. The backup is good all the same.
pub async fn note(db: &Db, at: UnixMillis) -> Result<(), DbError> {
    let db2 = db.clone();
    db.run_to_completion(async move { facts::set(&db2, LAST, &at.get().to_string()).await }).await
}

/// When the last backup was made by this program, if one ever was.
///
/// # Errors
/// [`DbError`].
pub async fn last(db: &Db) -> Result<Option<UnixMillis>, DbError> {
    Ok(facts::get(db, LAST).await?.and_then(|at| at.parse().ok()).map(UnixMillis::new))
}

fn not_copied(error: sqlx::Error) -> BackupError {
    BackupError::Copy(error.into())
}

/// Copies the database at `url` to `file`, which must not be there yet and appears only when all of it is on disk and
/// checked. Only its owner may read it. SQLite gives a database, PostgreSQL an archive for `pg_restore`.
///
/// # Errors
/// [`BackupError`].
pub async fn backup(url: &str, file: &Path) -> Result<Backup, BackupError> {
    let name = file.display().to_string();
    if file.symlink_metadata().is_ok() {
        return Err(BackupError::Exists(name));
    }
    let write = |source| BackupError::Write { file: name.clone(), source };
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Goes away by itself unless it is kept at the end.
    let part = tempfile::Builder::new().prefix(".saoma-backup-").tempfile_in(folder).map_err(write)?;
    let findings = match url.split(':').next() {
        Some("sqlite") => sqlite(url, &part).await?,
        Some("postgres" | "postgresql") => {
            postgres(url, &part).await?;
            None
        }
        _ => return Err(BackupError::UnknownEngine),
    };
    part.as_file().sync_all().map_err(write)?;
    let bytes = part.as_file().metadata().map_err(write)?.len();
    part.persist_noclobber(file).map_err(|error| match error.error.kind() {
        io::ErrorKind::AlreadyExists => BackupError::Exists(name.clone()),
        _ => write(error.error),
    })?;
    // Its name is on disk only with its folder.
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(write)?;
    Ok(Backup { bytes, findings })
}

/// `VACUUM INTO` copies one moment of the database and holds up no writer.
async fn sqlite(url: &str, part: &NamedTempFile) -> Result<Option<Findings>, BackupError> {
    let path = url.split('?').next().unwrap_or_default();
    let path = path.trim_start_matches("sqlite:").trim_start_matches("//");
    if !Path::new(path).is_file() {
        return Err(BackupError::NoDatabase(path.to_owned()));
    }
    sqlx::any::install_default_drivers();
    let part = part.path().to_string_lossy().into_owned();
    let mut connection =
        AnyConnection::connect(&format!("sqlite://{path}?mode=rw")).await.map_err(not_copied)?;
    let copied = sqlx::query("VACUUM INTO $1").bind(&part).execute(&mut connection).await;
    copied.map_err(not_copied)?;
    connection.close().await.map_err(not_copied)?;

    // Read-only, so that nothing is written to it or beside it any more.
    let copy = format!("sqlite://{part}?mode=ro");
    let mut connection = AnyConnection::connect(&copy).await.map_err(not_copied)?;
    let said = sqlx::query("PRAGMA integrity_check").fetch_one(&mut connection).await;
    let said: String = said.and_then(|row| row.try_get(0)).map_err(not_copied)?;
    if said != "ok" {
        return Err(BackupError::Damaged(said.replace('\n', "; ")));
    }
    connection.close().await.map_err(not_copied)?;
    // Tables of another version cannot be looked into, and are copied all the same: before an update above all.
    let db = Db::open_to_read(&copy, &DbOptions::default()).await.ok();
    Ok(match db {
        Some(db) => check::whole(&db).await.ok(),
        None => None,
    })
}

/// `pg_dump` takes a consistent copy of a running server; there is no other way that survives an update of it.
async fn postgres(url: &str, part: &NamedTempFile) -> Result<(), BackupError> {
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect(url).await.map_err(not_copied)?;
    let version = sqlx::query("SELECT current_setting('server_version') AS version");
    let version = version.fetch_one(&mut connection).await.and_then(|row| row.try_get("version"));
    let version: String = version.map_err(not_copied)?;
    connection.close().await.map_err(not_copied)?;

    let libpq::Address { url, password } = libpq::address(url);
    let mut dump = alone("pg_dump");
    // libpq looks for authorities in a file of the user's only; with another sslmode this file would make it check them.
    if url.contains("sslmode=verify-") && Path::new(AUTHORITIES).exists() {
        dump.env("PGSSLROOTCERT", AUTHORITIES);
    }
    dump.args(["--format=custom", "--no-password", "--dbname"]).arg(url).arg("--file").arg(part.path());
    if let Some(password) = password {
        dump.env("PGPASSWORD", password);
    }
    run("pg_dump", dump, &version).await?;
    let mut list = alone("pg_restore");
    list.arg("--list").arg(part.path());
    run("pg_restore", list, &version).await
}

/// The machine's authorities, as most systems have them; an address that names others wins.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// A program that does not get this one's secrets with its environment.
fn alone(program: &str) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if ["SAOMA_", "DATABASE_"].iter().any(|ours| name.to_string_lossy().starts_with(ours)) {
            command.env_remove(name);
        }
    }
    command
}

async fn run(program: &'static str, mut command: Command, version: &str) -> Result<(), BackupError> {
    let output = tokio::task::spawn_blocking(move || command.output()).await;
    let missing = || BackupError::NoProgram { program, version: version.to_owned() };
    let failed = |said: String| BackupError::Program { program, said };
    match output {
        Ok(Ok(output)) if output.status.success() => Ok(()),
        Ok(Ok(Output { stderr, .. })) => {
            let said: Vec<_> = stderr.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
            Err(failed(String::from_utf8_lossy(&said.join(&b"; "[..])).into_owned()))
        }
        Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => Err(missing()),
        Ok(Err(error)) => Err(failed(error.to_string())),
        Err(error) => Err(failed(error.to_string())),
    }
}
