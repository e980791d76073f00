//! Commands that work beside a server that runs.

use std::time::Duration;

use reqwest::redirect::Policy;
use server::{config::Config, doctor_probe::leads_to_database};

use super::Failure;

/// How long it is waited for the server's word.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whether a command's settings are those of the server at this address: what the command writes would otherwise stand where nobody
/// looks.
pub(super) async fn of_server(server: &str, config: &Config) -> Result<(), Failure> {
    let http = reqwest::Client::builder().timeout(PATIENCE).redirect(Policy::none()).no_proxy().build()?;
    leads_to_database(server, config, &http).await.map_err(|wrong| {
        format!(
            "{wrong}; give the settings that saoma serve runs with: its folder, --config, and its variables"
        )
        .into()
    })
}
