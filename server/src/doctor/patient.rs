//! What the checks look at.

use std::time::Duration;

use cashier::Db;
use wxpay::{UnixMillis, client::Client};

use super::database::Database;
use crate::{
    config::{Config, PublicUrl},
    sign_type,
    start::{self, StartError},
};

/// One installation, beside its server, which may run.
#[derive(Debug)]
pub struct Patient {
    pub config: Config,
    pub public_url: PublicUrl,
    pub database: Database,
    pub client: Client,
    pub http: reqwest::Client,
    pub now: UnixMillis,
}

impl Patient {
    /// # Errors
    /// [`StartError`]: the server does not start either.
    pub async fn of(config: Config) -> Result<Patient, StartError> {
        let database = Database::look(config.database_url.expose(), &config.db).await;
        let config = sign_type::look(config.clone(), database.of(&config.identity())).await?;
        let client = start::client_beside(&config)?;
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
        let http = http.timeout(Duration::from_secs(5)).build();
        let http = http.map_err(|error| wxpay::Error::Transport(error.into()))?;
        let public_url = config.public_url.clone().unwrap_or_else(|| PublicUrl::local(config.addr));
        Ok(Patient { config, public_url, database, client, http, now: UnixMillis::now() })
    }

    /// The database, if all tables can be read.
    pub(super) fn db(&self) -> Option<&Db> {
        self.database.ready(&self.config.identity())
    }
}
