//! What the checks look at.

use std::time::Duration;

use cashier::Db;
use wxpay::{UnixMillis, client::Client};

use crate::{
    config::{Config, PublicUrl},
    start::{self, StartError},
};

/// One installation, beside its server, which may run.
#[derive(Debug)]
pub struct Patient {
    pub config: Config,
    pub public_url: PublicUrl,
    pub db: Db,
    pub client: Client,
    pub http: reqwest::Client,
    pub now: UnixMillis,
}

impl Patient {
    /// # Errors
    /// [`StartError`]: the server does not start either.
    pub async fn of(config: Config) -> Result<Patient, StartError> {
        let (config, db) = start::opened(config).await?;
        let client = start::client_beside(&config)?;
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
        let http = http.timeout(Duration::from_secs(5)).build();
        let http = http.map_err(|error| wxpay::Error::Transport(error.into()))?;
        let public_url = config.public_url.clone().unwrap_or_else(|| PublicUrl::local(config.addr));
        Ok(Patient { config, public_url, db, client, http, now: UnixMillis::now() })
    }
}
