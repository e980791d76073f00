//! What is under way of each protocol: while there is any, its credentials are still needed.

use super::{Db, DbError, column};

/// Orders that may still be paid, refunds that have not ended, and static codes that can be scanned, which only v2 has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OpenWork {
    pub v2_orders: i64,
    pub v2_refunds: i64,
    pub v2_codes: i64,
    pub v3_orders: i64,
    pub v3_refunds: i64,
}

const COUNT: &str = "SELECT \
    (SELECT count(*) FROM orders WHERE state IN ('created', 'pending') \
        AND sign_type <> 'WECHATPAY2-SHA256-RSA2048') AS v2_orders, \
    (SELECT count(*) FROM orders WHERE state IN ('created', 'pending') \
        AND sign_type = 'WECHATPAY2-SHA256-RSA2048') AS v3_orders, \
    (SELECT count(*) FROM refunds WHERE ended_at IS NULL AND protocol = 'v2') AS v2_refunds, \
    (SELECT count(*) FROM static_codes WHERE stopped_at IS NULL) AS v2_codes, \
    (SELECT count(*) FROM refunds WHERE ended_at IS NULL AND protocol = 'v3') AS v3_refunds";

/// Counts it.
///
/// # Errors
/// [`DbError`].
pub async fn by_protocol(db: &Db) -> Result<OpenWork, DbError> {
    let row = sqlx::query(COUNT).fetch_one(&mut *db.reading().await?).await?;
    Ok(OpenWork {
        v2_orders: column(&row, "v2_orders")?,
        v2_refunds: column(&row, "v2_refunds")?,
        v2_codes: column(&row, "v2_codes")?,
        v3_orders: column(&row, "v3_orders")?,
        v3_refunds: column(&row, "v3_refunds")?,
    })
}
