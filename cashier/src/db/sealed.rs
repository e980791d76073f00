//! All sealed secrets of the database, to seal them anew after a change of the key.

use recharge::epay::MAKER_PREFIX;
use sqlx::AssertSqlSafe;

use super::{Db, DbError, column};
use crate::sealing::{Purpose, SecretKeys};

/// Where sealed texts stand: table, primary key as text, column, and what they were sealed for.
const PLACES: [(&str, &str, &str, Purpose); 6] = [
    ("webhook_endpoints", "id", "secret", Purpose::WebhookSecret),
    ("webhook_endpoints", "id", "old_secret", Purpose::WebhookSecret),
    ("epay_merchants", "CAST(pid AS TEXT)", "secret", Purpose::EpayKey),
    ("operator_factors", "operator", "secret", Purpose::SecondFactor),
    ("alert_channels", "id", "url", Purpose::AlertChannel),
    ("alert_channels", "id", "secret", Purpose::AlertChannel),
];

/// Seals with the present key what only the old one opens. How many secrets those were. Each is replaced only if it is still what was
/// read, and whoever reads meanwhile opens either.
///
/// # Errors
/// [`DbError`]. What was sealed anew stays so.
pub async fn renew(db: &Db, keys: &SecretKeys) -> Result<usize, DbError> {
    let mut renewed = 0;
    for (table, key, name, purpose) in PLACES {
        let sealer = keys.sealer(purpose);
        let sql = format!("SELECT {key} AS id, {name} AS sealed FROM {table} WHERE {name} IS NOT NULL");
        // Names of tables and columns from above; there are few rows of each.
        let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut *db.reading().await?).await?;
        for row in rows {
            let (id, sealed) = (column::<String>(&row, "id")?, column::<String>(&row, "sealed")?);
            let Some(anew) = sealer.renewed(&context(purpose, &id), &sealed) else { continue };
            let update = format!("UPDATE {table} SET {name} = $1 WHERE {key} = $2 AND {name} = $3");
            let mut transaction = db.begin().await?;
            let written = sqlx::query(AssertSqlSafe(update)).bind(anew).bind(id).bind(sealed);
            renewed += usize::from(written.execute(transaction.connection()).await?.rows_affected() == 1);
            transaction.commit().await?;
        }
    }
    Ok(renewed)
}

/// What a text was sealed for, besides its purpose.
fn context(purpose: Purpose, id: &str) -> String {
    match purpose {
        Purpose::EpayKey => format!("{MAKER_PREFIX}{id}"),
        _ => id.to_owned(),
    }
}
