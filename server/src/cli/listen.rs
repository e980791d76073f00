//! `saoma listen`: events for a program on this machine, as webhooks bring them.

use std::collections::BTreeSet;

use cashier::api_keys::ApiKeys;
use clap::Args;
use recharge::{
    api_key::{NewKey, Scope},
    audit::Acting,
    event_type::EventType,
    webhook::signature::WebhookSecret,
};
use server::{config, listen::Listen};
use wxpay::UnixMillis;

use super::{Failure, SettingsFile, beside::of_server, key::mode, open};

/// How long a key that is made for one run lives, in milliseconds.
const KEY_LIFE_MS: i64 = 24 * 3_600_000;

#[derive(Debug, Args)]
pub struct Options {
    /// Where events are posted, such as http://127.0.0.1:8000/hooks/saoma
    #[arg(long, value_name = "URL")]
    to: String,
    /// The Saoma whose events they are; without it the one of the settings
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// A key of it with events:read; without it the variable SAOMA_KEY, or else one that is made in the database of the settings
    /// and ends after a day
    #[arg(long)]
    key: Option<String>,
    /// What deliveries are signed with (whsec_…); without it a new one is made and printed
    #[arg(long)]
    secret: Option<String>,
    /// Only these types, such as recharge.paid, separated by commas
    #[arg(long = "type", value_name = "TYPES", value_delimiter = ',', value_parser = event_type)]
    types: Vec<EventType>,
    #[command(flatten)]
    settings: SettingsFile,
}

fn event_type(word: &str) -> Result<EventType, String> {
    EventType::from_name(word).ok_or_else(|| "there is no such type of events".to_owned())
}

pub async fn listen(options: Options) -> Result<(), Failure> {
    let secret = match &options.secret {
        None => WebhookSecret::new(cashier::Random::system().bytes()),
        Some(text) => {
            WebhookSecret::parse(text).ok_or("--secret must be whsec_ and the base64 of 24 to 64 bytes")?
        }
    };
    let given = options.key.clone().or_else(|| std::env::var("SAOMA_KEY").ok());
    let server = match &options.server {
        Some(server) => server.trim_end_matches('/').to_owned(),
        None => format!("http://{}", config::load(options.settings.config.as_deref())?.addr),
    };
    let key = match given {
        Some(key) => key,
        None => made_key(&options.settings, &server).await?,
    };
    println!("Events of {server} go to {}", options.to);
    println!("They are signed with {}", secret.expose());
    let listen = Listen {
        server,
        key,
        to: options.to,
        secret,
        types: options.types.iter().map(|kind| kind.name().to_owned()).collect(),
    };
    match listen.run(|line| println!("{} {line}", UnixMillis::now().to_beijing_text())).await {
        Ok(never) => match never {},
        Err(error) => Err(error.into()),
    }
}

async fn made_key(settings: &SettingsFile, server: &str) -> Result<String, Failure> {
    let (file, now) = (settings.config.as_deref(), UnixMillis::now());
    of_server(server, &config::load(file)?).await?;
    let db = open(file).await?;
    let keys = ApiKeys::new(db.clone(), mode(&db, file).await?);
    let new = NewKey {
        name: format!("listen-{}", now.to_beijing()),
        scopes: BTreeSet::from([Scope::EventsRead]),
        networks: Vec::new(),
        max_amount: None,
        expires_at: Some(now.plus_ms(KEY_LIFE_MS)),
    };
    let (key, text) = keys.make(new, &Acting::operator("console", "console"), now).await?;
    println!("The key {} was made for this and ends in a day", key.name);
    Ok(text.expose().to_owned())
}
