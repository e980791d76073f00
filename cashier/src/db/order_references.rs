//! All SQL on `order_references`: which order a reference is of, for ever.

use std::sync::LazyLock;

use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;
use wxpay::OutTradeNo;

use super::bulk::{self, Table, text};
use super::{Connection, Db, DbError};
use recharge::batch::{NamedOrder, NamedOrders};
use recharge::command::Reads;
use recharge::spend::Reference;

type Row = (Reference, NamedOrder);

static REFERENCES: LazyLock<Table<Row>> = LazyLock::new(|| {
    let columns = vec![
        text("reference", |(reference, _): &Row| reference.as_str().into()),
        text("out_trade_no", |(_, named)| named.out_trade_no.as_str().into()),
        text("request", |(_, named)| named.request.as_str().into()),
    ];
    // Who was faster with a reference has it.
    Table::new("order_references", &["reference"], columns, "ON CONFLICT DO NOTHING")
});

/// Writes the references that a batch gave away. `false`: another writer was faster with one, so the batch must be rolled back.
pub(super) async fn store(connection: &mut Connection, named: &NamedOrders) -> Result<bool, DbError> {
    let new = named.iter().filter(|(_, named)| named.is_new);
    let new: Vec<Row> = new.map(|(reference, named)| (reference.clone(), named.clone())).collect();
    Ok(REFERENCES.insert(connection, new.iter()).await? == new.len() as u64)
}

/// The orders that have the references of a batch.
pub(super) async fn read(connection: &mut Connection, reads: &Reads<'_>) -> Result<NamedOrders, DbError> {
    let keys: Vec<_> = reads.references.iter().map(|reference| reference.as_str()).collect();
    let found = bulk::select_in(connection, &REFERENCES.select, "reference", &keys, row).await?;
    Ok(found.into_iter().collect())
}

/// The order that has this reference.
pub(crate) async fn find(db: &Db, reference: &Reference) -> Result<Option<NamedOrder>, DbError> {
    let sql = format!("{} WHERE reference = $1", REFERENCES.select);
    let found = sqlx::query(AssertSqlSafe(sql))
        .bind(reference.as_str())
        .fetch_optional(&mut *db.reading().await?)
        .await?;
    Ok(found.as_ref().map(row).transpose()?.map(|(_, named)| named))
}

fn row(row: &AnyRow) -> Result<Row, DbError> {
    let row = REFERENCES.row(row);
    let named = NamedOrder {
        out_trade_no: row.parse("out_trade_no", OutTradeNo::parse)?,
        request: row.get("request")?,
        is_new: false,
    };
    Ok((row.parse("reference", Reference::parse)?, named))
}
