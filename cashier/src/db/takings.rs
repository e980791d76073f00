//! How much came by which channel.

use recharge::order::OrderChannel;
use sqlx::any::AnyRow;
use wxpay::{Fen, Protocol, UnixMillis};

use super::row::Row;
use super::{Db, DbError};

/// The most payments that are added up: an overview must not read a whole month of a large site.
pub const PAYMENTS_CAP: i64 = 100_000;

/// The payments of one channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Takings {
    pub channel: OrderChannel,
    pub protocol: Protocol,
    pub orders: i64,
    pub fen: Fen,
}

/// The payments since `from`, by channel, the largest sum first; of the newest [`PAYMENTS_CAP`].
///
/// # Errors
/// [`DbError`].
pub async fn by_channel(db: &Db, from: UnixMillis) -> Result<Vec<Takings>, DbError> {
    let sql = "SELECT channel, protocol, COUNT(*) AS orders, CAST(SUM(total_fee) AS BIGINT) AS fen FROM \
         (SELECT CASE WHEN static_code IS NULL THEN trade_type ELSE 'STATIC' END AS channel, \
         CASE WHEN sign_type = 'WECHATPAY2-SHA256-RSA2048' THEN 'v3' ELSE 'v2' END AS protocol, total_fee \
         FROM orders WHERE paid_at IS NOT NULL AND paid_at >= $1 ORDER BY paid_at DESC, out_trade_no DESC LIMIT $2) AS newest \
         GROUP BY channel, protocol ORDER BY fen DESC, channel, protocol";
    let query = sqlx::query(sql).bind(from.get()).bind(PAYMENTS_CAP);
    let rows = query.fetch_all(&mut *db.reading().await?).await?;
    rows.iter().map(takings).collect()
}

fn takings(row: &AnyRow) -> Result<Takings, DbError> {
    let row = Row::of("orders", &["channel", "protocol"], row);
    Ok(Takings {
        channel: row.word("channel", OrderChannel::from_name)?,
        protocol: row.word("protocol", Protocol::from_name)?,
        orders: row.get("orders")?,
        fen: Fen::new(row.get("fen")?),
    })
}
