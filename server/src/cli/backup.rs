//! `saoma backup FILE`.

use std::path::Path;

use cashier::{
    Db,
    db::{DbOptions, Migrate, backup},
    error_chain::error_chain,
};
use server::config::{self, Secret};
use wxpay::UnixMillis;

use super::Failure;

/// Copies the database as it is: without bringing its tables up to date, so that it can be taken before an update.
pub async fn backup(file: &Path, settings: Option<&Path>) -> Result<(), Failure> {
    let (url, options) = config::load_database(settings)?;
    // A dump needs one session of the server from its beginning to its end.
    let done = backup::backup(options.direct_url.as_deref().unwrap_or(url.expose()), file).await?;
    // The metric of the backup's age reads this row; without one there is no such metric.
    if let Err(error) = noted(&url, &options).await {
        eprintln!("saoma: the time of this backup was not noted in the database: {}", error_chain(&*error));
    }
    let name = file.display();
    let Some(findings) = done.findings else {
        println!("{name}: {} bytes; saoma check looks over it once it is restored", done.bytes);
        return Ok(());
    };
    for violation in &findings.named {
        println!("{violation}");
    }
    println!(
        "{name}: {} bytes; {} orders, {} accounts, {} debits and {} holds checked, {} violations",
        done.bytes, findings.orders, findings.accounts, findings.debits, findings.holds, findings.violations
    );
    if findings.violations == 0 {
        Ok(())
    } else {
        Err("the copy is complete, but the ledger in it is not sound; see above".into())
    }
}

async fn noted(url: &Secret, options: &DbOptions) -> Result<(), Failure> {
    let db =
        Db::open_with(url.expose(), &DbOptions { migrate: Migrate::OnlyEmpty, ..options.clone() }).await?;
    Ok(backup::note(&db, UnixMillis::now()).await?)
}
