//! Lists of orders: a payer's own, and the operator's with its filters.
//!
//! Paged by key (created_at, out_trade_no), never by offset; search is exact or by prefix on indexed columns.

use std::collections::HashMap;

use sqlx::{Any, AssertSqlSafe, query::Query};
use wxpay::{Fen, OutTradeNo, Protocol, Signed, UnixMillis};

use super::{Db, DbError, column, exceptions, orders, refunds};
use recharge::exception::{Exception, ExceptionKind};
use recharge::order::{Order, OrderChannel};
use recharge::refund::Refund;
use recharge::spend::Reference;

/// Totals stop counting here; a page then says "10,000+".
pub const TOTALS_CAP: i64 = 10_000;

/// Which orders the operator wants to see. An empty filter is all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of exactly this user.
    pub user: Option<String>,
    /// The one that has this reference.
    pub reference: Option<Reference>,
    /// Paid at or after.
    pub paid_from: Option<UnixMillis>,
    /// Paid before.
    pub paid_to: Option<UnixMillis>,
    pub state: Option<State>,
    pub exception: Option<WithException>,
    pub channel: Option<OrderChannel>,
    pub protocol: Option<Protocol>,
    /// An order number, a WeChat number or a user: in full, or how it begins.
    pub search: String,
    /// Placed at or after.
    pub from: Option<UnixMillis>,
    /// Placed before.
    pub to: Option<UnixMillis>,
    /// At least, in fen.
    pub min: Option<Fen>,
    /// At most, in fen.
    pub max: Option<Fen>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Created,
    Pending,
    Closed,
    Paid,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WithException {
    Any,
    Of(ExceptionKind),
}

/// A place in a list: the key of the row next to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cursor {
    /// The rows older than this one.
    Before(UnixMillis, OutTradeNo),
    /// The rows newer than this one.
    After(UnixMillis, OutTradeNo),
}

/// One row of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub order: Order,
    pub exceptions: Vec<Exception>,
    pub refunds: Vec<Refund>,
}

/// A page, newest first, and where the next ones begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    pub rows: Vec<Listed>,
    pub newer: Option<Cursor>,
    pub older: Option<Cursor>,
}

/// Count and sum of a filter, up to [`TOTALS_CAP`] orders.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    pub orders: i64,
    pub capped: bool,
    pub paid_fen: Fen,
}

enum Bind {
    Text(String),
    Number(i64),
}

/// Conditions with their parameters, numbered as they come.
#[derive(Default)]
struct Conditions {
    sql: Vec<String>,
    binds: Vec<Bind>,
}

impl Conditions {
    fn bind(&mut self, bind: Bind) -> String {
        self.binds.push(bind);
        format!("${}", self.binds.len())
    }

    fn text(&mut self, text: impl Into<String>) -> String {
        self.bind(Bind::Text(text.into()))
    }

    fn number(&mut self, number: i64) -> String {
        self.bind(Bind::Number(number))
    }

    /// A range instead of LIKE: it uses the index on both engines, and `%` and `_` are characters like others.
    fn begins_with(&mut self, column: &str, prefix: &str) -> String {
        let (from, to) = (self.text(prefix), self.text(format!("{prefix}\u{10FFFF}")));
        format!("({column} >= {from} AND {column} < {to})")
    }

    fn of(filter: &Filter) -> Conditions {
        let mut all = Conditions::default();
        if let Some(state) = filter.state {
            // Written out, so that the index of the few open orders serves the states that are seldom.
            all.sql.push(
                match state {
                    State::Created => "state IN ('created', 'pending') AND state = 'created'",
                    State::Pending => "state IN ('created', 'pending') AND state = 'pending'",
                    State::Closed => "state = 'closed'",
                    State::Paid => "state = 'paid'",
                }
                .to_owned(),
            );
        }
        match filter.exception {
            Some(WithException::Any) => {
                all.sql.push("out_trade_no IN (SELECT out_trade_no FROM exceptions)".to_owned());
            }
            Some(WithException::Of(kind)) => {
                let p = all.text(kind.name());
                all.sql
                    .push(format!("out_trade_no IN (SELECT out_trade_no FROM exceptions WHERE kind = {p})"));
            }
            None => {}
        }
        if let Some(channel) = filter.channel {
            all.sql.push(
                match channel {
                    OrderChannel::Native => "(trade_type = 'NATIVE' AND static_code IS NULL)",
                    OrderChannel::Static => "static_code IS NOT NULL",
                    OrderChannel::Jsapi => "trade_type = 'JSAPI'",
                    OrderChannel::Mweb => "trade_type = 'MWEB'",
                    OrderChannel::App => "trade_type = 'APP'",
                }
                .to_owned(),
            );
        }
        if let Some(protocol) = filter.protocol {
            let p = all.text(Signed::Rsa.as_str());
            let is = if protocol == Protocol::V3 { "=" } else { "<>" };
            all.sql.push(format!("sign_type {is} {p}"));
        }
        if let Some(user) = &filter.user {
            let p = all.text(user);
            all.sql.push(format!("user_id = {p}"));
        }
        if let Some(reference) = &filter.reference {
            let p = all.text(reference.as_str());
            all.sql.push(format!(
                "out_trade_no IN (SELECT out_trade_no FROM order_references WHERE reference = {p})"
            ));
        }
        let search = filter.search.trim();
        if !search.is_empty() {
            let number = all.begins_with("out_trade_no", search);
            let transaction = all.begins_with("transaction_id", search);
            let user = all.begins_with("user_id", search);
            // A second payment's number is not the order's own, but it must lead to the order.
            let other = all.text(search);
            all.sql.push(format!(
                "({number} OR {transaction} OR {user} OR out_trade_no IN \
                 (SELECT out_trade_no FROM exceptions WHERE transaction_id = {other}))"
            ));
        }
        for (bound, condition) in [
            (filter.from.map(UnixMillis::get), "created_at >="),
            (filter.to.map(UnixMillis::get), "created_at <"),
            (filter.paid_from.map(UnixMillis::get), "paid_at >="),
            (filter.paid_to.map(UnixMillis::get), "paid_at <"),
            (filter.min.map(Fen::get), "total_fee >="),
            (filter.max.map(Fen::get), "total_fee <="),
        ] {
            if let Some(bound) = bound {
                let p = all.number(bound);
                all.sql.push(format!("{condition} {p}"));
            }
        }
        all
    }

    fn to_sql(&self) -> String {
        if self.sql.is_empty() { "true".to_owned() } else { self.sql.join(" AND ") }
    }

    fn query(&self, sql: String) -> Query<'_, Any, sqlx::any::AnyArguments> {
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for bind in &self.binds {
            query = match bind {
                Bind::Text(text) => query.bind(text.clone()),
                Bind::Number(number) => query.bind(*number),
            };
        }
        query
    }
}

/// The operator's list.
///
/// # Errors
/// [`DbError`].
pub async fn orders(
    db: &Db,
    filter: &Filter,
    cursor: Option<&Cursor>,
    limit: usize,
) -> Result<Page, DbError> {
    page(db, Conditions::of(filter), cursor, limit).await
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
    let mut conditions = Conditions::default();
    let p = conditions.text(user_id);
    conditions.sql.push(format!("user_id = {p}"));
    page(db, conditions, cursor, limit).await
}

async fn page(
    db: &Db,
    mut conditions: Conditions,
    cursor: Option<&Cursor>,
    limit: usize,
) -> Result<Page, DbError> {
    let newest_first = !matches!(cursor, Some(Cursor::After(..)));
    if let Some(Cursor::Before(at, number) | Cursor::After(at, number)) = cursor {
        let (at, number) = (conditions.number(at.get()), conditions.text(number.as_str()));
        let side = if newest_first { "<" } else { ">" };
        conditions.sql.push(format!("(created_at, out_trade_no) {side} ({at}, {number})"));
    }
    let order = if newest_first { "DESC" } else { "ASC" };
    let more = conditions.number(i64::try_from(limit + 1).unwrap_or(i64::MAX));
    let sql = format!(
        "SELECT {} FROM orders WHERE {} ORDER BY created_at {order}, out_trade_no {order} LIMIT {more}",
        orders::ORDERS.list,
        conditions.to_sql()
    );
    let rows = conditions.query(sql).fetch_all(&mut *db.reading().await?).await?;
    let mut found: Vec<Order> = rows.iter().map(orders::order).collect::<Result<_, _>>()?;
    let more = found.len() > limit;
    found.truncate(limit);
    if !newest_first {
        found.reverse();
    }
    let key = |order: &Order| (order.created_at, order.out_trade_no.clone());
    let newer = match (newest_first, found.first().map(key)) {
        (true, Some((at, number))) if cursor.is_some() => Some(Cursor::After(at, number)),
        (false, Some((at, number))) if more => Some(Cursor::After(at, number)),
        _ => None,
    };
    let older = match (newest_first, found.last().map(key)) {
        (true, Some((at, number))) if more => Some(Cursor::Before(at, number)),
        (false, Some((at, number))) => Some(Cursor::Before(at, number)),
        _ => None,
    };
    Ok(Page { rows: with_the_rest(db, found).await?, newer, older })
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

/// Count and sum of a filter; stops at [`TOTALS_CAP`].
///
/// # Errors
/// [`DbError`].
pub async fn totals(db: &Db, filter: &Filter) -> Result<Totals, DbError> {
    let mut conditions = Conditions::of(filter);
    let cap = conditions.number(TOTALS_CAP + 1);
    let sql = format!(
        "SELECT COUNT(*) AS orders, CAST(COALESCE(SUM(fen), 0) AS BIGINT) AS paid_fen FROM \
         (SELECT CASE WHEN state = 'paid' THEN total_fee ELSE 0 END AS fen FROM orders \
         WHERE {} ORDER BY created_at DESC LIMIT {cap}) AS counted",
        conditions.to_sql()
    );
    let row = conditions.query(sql).fetch_one(&mut *db.reading().await?).await?;
    let orders: i64 = column(&row, "orders")?;
    Ok(Totals {
        orders: orders.min(TOTALS_CAP),
        capped: orders > TOTALS_CAP,
        paid_fen: Fen::new(column(&row, "paid_fen")?),
    })
}
