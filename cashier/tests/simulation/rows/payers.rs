//! The rows of what payers ask for beside an order.

use std::collections::BTreeMap;

use sqlx::{AnyConnection, Row};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WishRow {
    pub out_trade_no: String,
    pub n: i64,
    pub state: String,
    pub out_refund_no: Option<String>,
    pub version: i64,
}

pub async fn wishes(db: &mut AnyConnection) -> Result<BTreeMap<String, WishRow>, sqlx::Error> {
    let rows = sqlx::query("SELECT id, out_trade_no, n, state, out_refund_no, version FROM refund_wishes");
    let mut wishes = BTreeMap::new();
    for row in rows.fetch_all(db).await? {
        let wish = WishRow {
            out_trade_no: row.try_get("out_trade_no")?,
            n: row.try_get("n")?,
            state: row.try_get("state")?,
            out_refund_no: row.try_get("out_refund_no")?,
            version: row.try_get("version")?,
        };
        wishes.insert(row.try_get("id")?, wish);
    }
    Ok(wishes)
}

/// The order of each user that carries the bonus for the first.
pub async fn first_bonuses(db: &mut AnyConnection) -> Result<BTreeMap<String, String>, sqlx::Error> {
    let rows = sqlx::query("SELECT user_id, out_trade_no FROM first_bonuses").fetch_all(db).await?;
    rows.iter().map(|row| Ok((row.try_get("user_id")?, row.try_get("out_trade_no")?))).collect()
}
