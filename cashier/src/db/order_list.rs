//! Lists of orders: a payer's own, and the operator's with its filters.
//!
//! Paged by key (the time of the list and out_trade_no), never by offset.

use std::collections::HashMap;

use sqlx::any::AnyRow;
use wxpay::{OutTradeNo, UnixMillis};

use super::order_filter::{Filter, Sort};
use super::walk::{Paged, Walk};
use super::{Db, DbError, exceptions, orders, refunds};
use recharge::exception::Exception;
use recharge::order::{Order, OrderState};
use recharge::refund::Refund;

/// The most orders that are looked at for one page of the desk.
pub const PAGE_SCAN: i64 = 10_000;

/// A place in a list of orders.
pub type Cursor = super::walk::Cursor<OutTradeNo>;

/// One row of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub order: Order,
    pub exceptions: Vec<Exception>,
    pub refunds: Vec<Refund>,
}

/// A page, newest first, and where the next ones begin.
pub type Page = Paged<Listed, OutTradeNo>;

/// The orders that `filter` selects, however far back the next ones are.
///
/// # Errors
/// [`DbError`].
pub async fn orders(
    db: &Db,
    filter: &Filter,
    cursor: Option<&Cursor>,
    limit: usize,
) -> Result<Page, DbError> {
    Ok(looked(db, filter, cursor, limit, None).await?.0)
}

/// The same, looking at `scan` orders at most; and whether the filter's search fits more orders than it led to.
///
/// # Errors
/// [`DbError`].
pub async fn looked(
    db: &Db,
    filter: &Filter,
    cursor: Option<&Cursor>,
    limit: usize,
    scan: Option<i64>,
) -> Result<(Page, bool), DbError> {
    let (walk, leads) = filter.walk(db).await?;
    Ok((page(db, walk, filter.sort, cursor, limit, scan).await?, leads.is_cut))
}

/// One order with its exceptions and refunds.
///
/// # Errors
/// [`DbError`].
pub async fn one(db: &Db, out_trade_no: &OutTradeNo) -> Result<Option<Listed>, DbError> {
    let found = orders::find(db, out_trade_no).await?;
    Ok(with_the_rest(db, found.into_iter().collect()).await?.pop())
}

/// A user's own orders.
///
/// # Errors
/// [`DbError`].
pub async fn of_user(db: &Db, user_id: &str, cursor: Option<&Cursor>, limit: usize) -> Result<Page, DbError> {
    let filter = Filter { user: Some(user_id.to_owned()), ..Filter::default() };
    orders(db, &filter, cursor, limit).await
}

async fn page(
    db: &Db,
    walk: Walk,
    sort: Sort,
    cursor: Option<&Cursor>,
    limit: usize,
    scan: Option<i64>,
) -> Result<Page, DbError> {
    let stepped = walk.step(db, &orders::ORDERS.list, cursor, limit, scan).await?;
    let found: Vec<Order> =
        stepped.rows.iter().map(|row: &AnyRow| orders::order(row)).collect::<Result<_, _>>()?;
    let edge = stepped.looked_to.map(|(at, number)| edge(at, number)).transpose()?;
    let rows = with_the_rest(db, found).await?;
    Ok(Paged::new(rows, cursor, stepped.is_more, edge, |listed| key(sort, &listed.order)))
}

fn edge(at: UnixMillis, number: String) -> Result<(UnixMillis, OutTradeNo), DbError> {
    let row = super::Inconsistency::on("orders").column("out_trade_no").row(number.clone());
    Ok((at, OutTradeNo::parse(number).map_err(|error| row.source(error))?))
}

/// The place of an order in a list.
pub fn key(sort: Sort, order: &Order) -> (UnixMillis, OutTradeNo) {
    let at = match (sort, &order.state) {
        (Sort::Paid, OrderState::Paid(paid)) => paid.paid_at,
        _ => order.created_at,
    };
    (at, order.out_trade_no.clone())
}

/// Each order with its exceptions and refunds.
async fn with_the_rest(db: &Db, found: Vec<Order>) -> Result<Vec<Listed>, DbError> {
    let numbers: Vec<_> = found.iter().map(|order| order.out_trade_no.as_str()).collect();
    let mut by_order: HashMap<OutTradeNo, Vec<Exception>> = HashMap::new();
    for exception in exceptions::of_orders(db, &numbers).await? {
        by_order.entry(exception.out_trade_no.clone()).or_default().push(exception);
    }
    let mut refunded: HashMap<OutTradeNo, Vec<Refund>> = HashMap::new();
    for refund in refunds::of_orders(db, &numbers).await? {
        refunded.entry(refund.out_trade_no.clone()).or_default().push(refund);
    }
    let listed = |order: Order| Listed {
        exceptions: by_order.remove(&order.out_trade_no).unwrap_or_default(),
        refunds: refunded.remove(&order.out_trade_no).unwrap_or_default(),
        order,
    };
    Ok(found.into_iter().map(listed).collect())
}

#[cfg(test)]
mod tests;
