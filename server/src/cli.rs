//! Commands: what each one needs, and what it prints.

use std::{
    io::IsTerminal as _,
    net::TcpListener,
    path::{Path, PathBuf},
    process::ExitCode,
};

use cashier::{
    Clock, Db,
    db::{DbOptions, Migrate, self_checks},
    error_chain::error_chain,
};
use clap::{Args, Parser, Subcommand};
use recharge::{User, role::Role};
use server::{
    config::{self, Secret},
    kept_secrets,
    listener::handed_over,
    operators, start,
    user_token::{self, UserTokens},
};
use wxpay::{UnixMillis, bill::BillDate};

mod admin;
mod backup;
mod beside;
mod doctor;
mod epay;
mod key;
mod listen;
mod log;
mod reconcile;
mod sandbox;
mod trigger;

/// A self-hosted WeChat Pay recharge desk.
#[derive(Debug, Parser)]
#[command(name = "saoma", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    settings: SettingsFile,
}

#[derive(Debug, Clone, Args)]
struct SettingsFile {
    /// The settings file; without it saoma.toml in this folder, if there is one
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve pages, notices and integrators (what saoma without a command does)
    #[command(after_long_help = config::text::help())]
    Serve(SettingsFile),
    /// Run only the sandbox, which stands in for WeChat Pay
    Sandbox(sandbox::Options),
    /// Bring the database's tables up to date
    Migrate(SettingsFile),
    /// Compare a day with WeChat's bill: credit on proof what our books lack, and list what is left
    Reconcile {
        /// The day in Beijing, such as 2026-03-15; without it yesterday
        #[arg(long, value_name = "DATE", value_parser = reconcile::parse_day)]
        date: Option<BillDate>,
        #[command(flatten)]
        settings: SettingsFile,
    },
    /// Copy the database to a new FILE, while the server runs or not
    Backup {
        file: PathBuf,
        #[command(flatten)]
        settings: SettingsFile,
    },
    /// Look whether settings, machine, credentials and addresses work; exit status 0: all well, 1: a warning, 2: something
    /// does not work
    Doctor {
        /// As JSON, for programs
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        settings: SettingsFile,
    },
    /// Look over all money: credits fit their orders, balances are the sums of their ledgers
    Check(SettingsFile),
    /// List, add and remove operators, give them roles, or set a password; passwords are read from standard input
    Admin {
        #[command(subcommand)]
        action: AdminAction,
        #[command(flatten)]
        settings: SettingsFile,
    },
    /// Make, list, rotate and revoke the keys of your own programs, for /api/v1
    Key {
        #[command(subcommand)]
        action: key::KeyAction,
        #[command(flatten)]
        settings: SettingsFile,
    },
    /// Make, list, rotate and revoke merchants of 易支付: sites that charge through this server by /epay/submit.php and mapi.php
    Epay {
        #[command(subcommand)]
        action: epay::EpayAction,
        #[command(flatten)]
        settings: SettingsFile,
    },
    /// Post events to a program on this machine, signed as webhooks are, for one that the internet does not reach
    Listen(listen::Options),
    /// Let something happen in the sandbox whose events your programs get; beside a server that runs
    Trigger {
        #[arg(value_enum)]
        what: trigger::Happening,
        /// Whose balance
        #[arg(long, default_value = "trigger")]
        user: String,
        /// What is paid
        #[arg(long, value_name = "FEN", default_value_t = 1000, value_parser = clap::value_parser!(i64).range(1..=100_000_000))]
        amount: i64,
        #[command(flatten)]
        settings: SettingsFile,
    },
    /// Print a user token that signs USER in for an hour: the payer's page takes it as /?u=TOKEN
    UserToken {
        user: String,
        /// The name that pages show
        #[arg(long)]
        name: Option<String>,
        /// How long it is valid; at most a day
        #[arg(long, default_value_t = 3600, value_parser = clap::value_parser!(i64).range(1..=user_token::LONGEST_S))]
        seconds: i64,
        #[command(flatten)]
        settings: SettingsFile,
    },
}

#[derive(Debug, Subcommand)]
enum AdminAction {
    /// Add an operator; without a password on standard input one is made and printed
    Add {
        name: String,
        /// viewer looks on; support asks WeChat, closes orders and writes notes; finance refunds and resolves; owner decides about
        /// people, keys and settings
        #[arg(long, value_parser = role, default_value = "owner")]
        role: Role,
    },
    /// Give an operator another role
    Role {
        name: String,
        /// viewer, support, finance or owner
        #[arg(value_parser = role)]
        role: Role,
    },
    /// Set an operator's password and end all sessions; without one on standard input it is made and printed
    Passwd { name: String },
    /// Take the second factor off an operator whose phone and recovery codes are lost
    ResetFactor { name: String },
    /// List the operators: last sign-in, open sessions, failed tries of the last 24 hours
    List,
    /// Remove an operator and end all sessions
    Remove {
        name: String,
        /// Even the last operator, after which nobody can sign in
        #[arg(long)]
        force: bool,
    },
}

fn role(word: &str) -> Result<Role, String> {
    Role::from_name(word).ok_or_else(|| "a role is viewer, support, finance or owner".to_owned())
}

/// A failure in words for a person, on one line.
type Failure = Box<dyn std::error::Error>;

pub fn run(cli: Cli) -> ExitCode {
    // `reqwest` is built without a provider of cryptography, so that the program has one only; without one a command that asks a
    // server would panic.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let command = cli.command.unwrap_or(Command::Serve(cli.settings));
    let handed_over = match command {
        Command::Serve(_) => handed_over::take().map_err(Failure::from),
        _ => Ok(None),
    };
    let result = handed_over.and_then(|socket| runtime()?.block_on(execute(command, socket)));
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("saoma: {}", error_chain(&*error));
            ExitCode::FAILURE
        }
    }
}

/// Few threads keep an idle server small; blocking ones only hash passwords and resolve names.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().max_blocking_threads(8).build()?)
}

async fn execute(command: Command, handed_over: Option<TcpListener>) -> Result<ExitCode, Failure> {
    if let Command::Doctor { json, settings } = command {
        return doctor::doctor(settings.config.as_deref(), json).await;
    }
    execute_simple(command, handed_over).await.map(|()| ExitCode::SUCCESS)
}

/// The commands that either succeed or fail.
async fn execute_simple(command: Command, handed_over: Option<TcpListener>) -> Result<(), Failure> {
    match command {
        Command::Doctor { .. } => Ok(()),
        Command::Serve(settings) => serve(handed_over, settings.config.as_deref()).await,
        Command::Sandbox(options) => sandbox::run(options).await,
        Command::Migrate(settings) => {
            let (url, options) = config::load_database(settings.config.as_deref())?;
            Db::open_with(url.expose(), &DbOptions { migrate: Migrate::Always, ..options }).await?;
            println!("the database is up to date");
            Ok(())
        }
        Command::Reconcile { date, settings } => reconcile::reconcile(date, settings.config.as_deref()).await,
        Command::Backup { file, settings } => backup::backup(&file, settings.config.as_deref()).await,
        Command::Check(settings) => check(settings.config.as_deref()).await,
        Command::Admin { action, settings } => admin::admin(action, settings.config.as_deref()).await,
        Command::Key { action, settings } => key::key(action, settings.config.as_deref()).await,
        Command::Epay { action, settings } => epay::epay(action, settings.config.as_deref()).await,
        Command::Listen(options) => listen::listen(options).await,
        Command::Trigger { what, user, amount, settings } => {
            trigger::trigger(what, &user, amount, settings.config.as_deref()).await
        }
        Command::UserToken { user, name, seconds, settings } => {
            let secret = secret(settings.config.as_deref()).await?;
            let name = name.unwrap_or_else(|| user.clone());
            let user = User::new(user, name)?;
            println!(
                "{}",
                UserTokens::new(secret.expose().as_bytes()).issue(&user, UnixMillis::now(), seconds)?
            );
            Ok(())
        }
    }
}

async fn serve(handed_over: Option<TcpListener>, file: Option<&Path>) -> Result<(), Failure> {
    let config = config::load(file)?;
    log::init(config.log_format);
    #[cfg(feature = "otlp")]
    server::otlp::start()?;
    let (stop, mut reload) = (stop_signal()?, reload_signal()?);
    allow_connections(config.max_connections);
    let (who, has_terminal) = (config.identity(), std::io::stdin().is_terminal());
    let data = place_of_data(config.database_url.expose());
    // As it was called, so that the lines below can be copied.
    let program = std::env::args().next().unwrap_or_else(|| "saoma".to_owned());
    let running = start::start_on(handed_over, config).await?;
    println!("{RULE}\nSaoma serves {} on {}", who, running.public_url);
    if let Some(addr) = running.sandbox_addr {
        println!("SANDBOX: no real money moves. WeChat is played by http://{addr}");
    }
    if let Some(addr) = running.browser_addr {
        println!("WeChat's browser, to try paying inside WeChat: http://{addr}");
    }
    println!("Data: {data}");
    let desk = format!("{}/admin", running.public_url);
    match &running.first_password {
        Some(password) => println!("Operator: {desk}  name: {}  password: {password}", operators::FIRST),
        None if running.no_operator => {
            println!("Operator: {desk}  nobody can sign in yet: {program} admin add NAME")
        }
        None => println!("Operator: {desk}  (a new password: {program} admin passwd NAME)"),
    }
    println!("{RULE}");
    let reloading = async {
        while reload.recv().await.is_some() {
            // The terminal that it was started in has gone.
            if has_terminal && !std::io::stdin().is_terminal() {
                break;
            }
            running.reload(config::load(file)).await;
        }
    };
    tokio::select! {
        () = stop => {}
        () = reloading => {}
    }
    tracing::info!("stopping: running requests may end");
    running.stop().await;
    #[cfg(feature = "otlp")]
    server::otlp::stop().await;
    Ok(())
}

/// Above and below what an operator needs after a start, so that it is found among log lines.
const RULE: &str = "────────────────────────────────────────────────────────────────────────────────";

/// Where the money is written down: the SQLite file in full, or the PostgreSQL database without its password.
fn place_of_data(database_url: &str) -> String {
    if let Some(file) = database_url.strip_prefix("sqlite:") {
        let file = file.trim_start_matches("//").split('?').next().unwrap_or_default();
        return std::path::absolute(file).map_or_else(|_| file.to_owned(), |path| path.display().to_string());
    }
    let place = database_url.rsplit_once('@').map_or(database_url, |(_, place)| place);
    format!("PostgreSQL {}", place.trim_start_matches("postgres://").split('?').next().unwrap_or_default())
}

/// Each connection is an open file, and shells allow 1024: takes as many as the system lets this process have.
fn allow_connections(wanted: u32) {
    use rustix::process::{Resource, getrlimit, setrlimit};
    // The database, the sandbox and files need some as well.
    let wanted = u64::from(wanted) + 200;
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < wanted) {
        let most = limit.maximum.unwrap_or(wanted);
        limit.current = Some(wanted.min(most));
        if setrlimit(Resource::Nofile, limit).is_err() || most < wanted {
            tracing::warn!(
                "only {most} open files are allowed, fewer than SAOMA_MAX_CONNECTIONS needs (ulimit -n)"
            );
        }
    }
}

/// SIGTERM or SIGINT.
fn stop_signal() -> Result<impl Future<Output = ()>, Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// SIGHUP.
fn reload_signal() -> Result<tokio::signal::unix::Signal, Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    Ok(signal(SignalKind::hangup())?)
}

/// The database alone: no merchant is needed for it. No command but `migrate` changes tables that are there, because a server of an
/// older version may run on them.
async fn open(file: Option<&Path>) -> Result<Db, Failure> {
    let (url, options) = config::load_database(file)?;
    Ok(Db::open_with(url.expose(), &DbOptions { migrate: Migrate::OnlyEmpty, ..options }).await?)
}

async fn check(file: Option<&Path>) -> Result<(), Failure> {
    let (db, clock) = (open(file).await?, Clock::system());
    let began_at = clock.now();
    let findings = cashier::db::check::whole(&db).await?;
    // Afterwards the desk's notice of what was found is up to date.
    self_checks::looked_at_everything(&db, began_at, findings.violations, clock.now()).await?;
    for violation in &findings.named {
        println!("{violation}");
    }
    println!(
        "{} orders, {} accounts, {} debits and {} holds checked, {} violations",
        findings.orders, findings.accounts, findings.debits, findings.holds, findings.violations
    );
    if findings.violations == 0 { Ok(()) } else { Err("the ledger is not sound; see above".into()) }
}

/// The settings' secret, or in sandbox mode the one that is kept with the database.
async fn secret(file: Option<&Path>) -> Result<Secret, Failure> {
    match config::load_user_token_secret(file)? {
        Some(secret) => Ok(secret),
        None => Ok(Secret::new(kept_secrets::kept_secret(&open(file).await?).await?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_is_named_in_full_and_without_a_password() {
        let here = std::env::current_dir().unwrap().display().to_string();
        assert_eq!(place_of_data("sqlite://data/saoma.db"), format!("{here}/data/saoma.db"));
        assert_eq!(place_of_data("sqlite:///var/lib/saoma.db?mode=rwc"), "/var/lib/saoma.db");
        assert_eq!(
            place_of_data("postgres://saoma:secret@db.example/pay?sslmode=require"),
            "PostgreSQL db.example/pay"
        );
    }
}
