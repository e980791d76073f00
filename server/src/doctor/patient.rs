//! What the checks look at.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use cashier::{
    Clock, Db,
    db::{
        inspection::{Inspection, inspect},
        sqlite_file,
    },
    error_chain::error_chain,
};
use rustix::fs::{Access, access};
use tokio::sync::OnceCell;
use wxpay::{UnixMillis, client::Client};

use super::{
    database::Database,
    seen::{Tls, Trip},
};
use crate::{
    config::{Config, PublicUrl, database},
    sign_type,
    start::{self, StartError},
};

/// One installation, beside its server, which may run.
#[derive(Debug)]
pub struct Patient {
    pub config: Config,
    pub public_url: PublicUrl,
    pub database: Database,
    /// What the database says of itself, if it could be opened.
    pub inspection: Option<Result<Inspection, String>>,
    pub client: Client,
    pub http: reqwest::Client,
    pub now: UnixMillis,
    /// Where the public name leads, or why nowhere.
    pub(super) addresses: OnceCell<Result<Vec<IpAddr>, String>>,
    /// What is shown at the public name.
    pub(super) tls: OnceCell<Tls>,
    /// What became of a probe that was sent to the public name.
    pub(super) trip: OnceCell<Trip>,
}

impl Patient {
    /// # Errors
    /// [`StartError`]: the server does not start either.
    pub async fn of(config: Config) -> Result<Patient, StartError> {
        let database = Database::look(config.database_url.expose(), &config.db).await;
        let config = sign_type::look(config.clone(), database.of(&config.identity())).await?;
        let inspection = match &database {
            Database::Found { db, .. } => {
                Some(inspect(db, &Clock::system()).await.map_err(|it| error_chain(&it)))
            }
            _ => None,
        };
        let client = start::client_beside(&config)?;
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
        let http = http.timeout(Duration::from_secs(5)).tls_info(true).build();
        let http = http.map_err(|error| wxpay::Error::Transport(error.into()))?;
        let public_url = config.public_url.clone().unwrap_or_else(|| PublicUrl::local(config.addr));
        let (addresses, tls, trip) = (OnceCell::new(), OnceCell::new(), OnceCell::new());
        let now = UnixMillis::now();
        Ok(Patient { config, public_url, database, inspection, client, http, now, addresses, tls, trip })
    }

    /// The database, if all tables can be read.
    pub(super) fn db(&self) -> Option<&Db> {
        self.database.ready(&self.config.identity())
    }

    /// Whether the database is a file, or a server on this machine.
    pub(super) fn is_database_here(&self) -> bool {
        database::is_here(self.config.database_url.expose())
    }

    /// The files of a SQLite database and its folder that this user may not write to.
    pub(super) fn closed_files(&self) -> Vec<PathBuf> {
        let files = sqlite_file::all_paths(self.config.database_url.expose());
        let folder =
            files.first().and_then(|file| file.parent()).filter(|folder| !folder.as_os_str().is_empty());
        let all = files.iter().map(PathBuf::as_path).chain(folder).filter(|path| path.exists());
        let is_closed = |path: &&std::path::Path| access(*path, Access::READ_OK | Access::WRITE_OK).is_err();
        all.filter(is_closed).map(PathBuf::from).collect()
    }

    /// Whether another check says why nothing can be written.
    pub(super) fn refuses_writes(&self) -> bool {
        let says = |found: &Inspection| found.refuses_writes.is_some() || !found.closed_tables.is_empty();
        let is_said = matches!(&self.inspection, Some(Ok(found)) if says(found));
        is_said || !self.closed_files().is_empty()
    }
}
