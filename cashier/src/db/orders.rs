//! All SQL on `orders` that moves one or finds one by its number. Lists are in `order_list.rs`.

use std::net::IpAddr;
use std::sync::LazyLock;

use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;
use wxpay::{
    Fen, H5Scene, OpenId, OutTradeNo, PrepayId, ProductId, Signed, Ticket, TradeType, TransactionId,
    UnixMillis,
};

use super::bulk::{self, Key, Table, Value, number, text};
use super::{Connection, Db, DbError, column};
use recharge::User;
use recharge::apps::App;
use recharge::batch::{NamedOrders, Slot};
use recharge::command::Reads;
use recharge::order::query_schedule;
use recharge::order::{ByKey, Issued, Order, OrderState, Paid, Proof};
use recharge::spend::{Metadata, Reference};

/// Stands for "unchanged" in an UPDATE of `next_query_at`.
const KEEP: i64 = -1;

/// The columns of an order, as a batch writes them.
pub(super) static ORDERS: LazyLock<Table<Slot>> = LazyLock::new(|| {
    let columns = vec![
        text("out_trade_no", |slot: &Slot| slot.order.out_trade_no.as_str().into()),
        text("user_id", |slot: &Slot| slot.order.user.id.as_str().into()),
        text("user_name", |slot: &Slot| slot.order.user.name.as_str().into()),
        number("total_fee", |slot: &Slot| slot.order.total_fee.into()),
        // An order that ends unpaid gives the bonus for the first order of its account up.
        number("bonus", |slot: &Slot| slot.order.bonus.into()).changing(),
        number("first_bonus", |slot: &Slot| slot.order.first_bonus.into()).changing(),
        text("body", |slot: &Slot| slot.order.body.as_str().into()),
        text("product_id", |slot: &Slot| slot.order.product_id.as_str().into()),
        text("notify_url", |slot: &Slot| slot.order.notify_url.as_str().into()),
        text("spbill_create_ip", |slot: &Slot| slot.order.spbill_create_ip.to_string().into()),
        text("sign_type", |slot: &Slot| slot.order.signed.as_str().into()),
        text("trade_type", |slot: &Slot| slot.order.trade_type.as_str().into()),
        text("appid", |slot: &Slot| slot.order.app.as_str().into()),
        // A rule that ends an order forgets who would have paid it.
        text("openid", |slot: &Slot| slot.order.openid.as_ref().map(OpenId::as_str).into()).changing(),
        text("scene", |slot: &Slot| slot.order.scene.as_ref().map(scene_json).into()),
        text("static_code", |slot: &Slot| slot.order.static_code.as_ref().map(ProductId::as_str).into()),
        number("created_at", |slot: &Slot| slot.order.created_at.into()),
        number("time_expire", |slot: &Slot| slot.order.time_expire.into()),
        text("state", |slot: &Slot| slot.order.state.name().into()).changing(),
        number("version", |slot: &Slot| slot.order.version.into()).changing(),
        number("ordering_until", |slot: &Slot| slot.order.ordering_until.into()).changing(),
        text("link_token", |slot: &Slot| slot.order.link_token.as_str().into()).changing(),
        number("reusable", |slot: &Slot| slot.order.reusable.into()).changing(),
        text("open_key", |slot: &Slot| slot.order.open_key().into()).unread(),
        text("code_url", |slot: &Slot| slot.order.issued().map(|issued| issued.ticket.as_str()).into())
            .changing(),
        number("code_version", |slot: &Slot| slot.order.issued().map(|issued| issued.version).into())
            .changing(),
        number("code_issued_at", |slot: &Slot| slot.order.issued().map(|issued| issued.issued_at).into())
            .changing(),
        text("transaction_id", |slot: &Slot| {
            paid(&slot.order).map(|paid| paid.transaction_id.as_str()).into()
        })
        .changing(),
        number("paid_at", |slot: &Slot| paid(&slot.order).map(|paid| paid.paid_at).into()).changing(),
        number("credited_at", |slot: &Slot| paid(&slot.order).and_then(|paid| paid.credited_at).into())
            .changing(),
        number("closed_at", |slot: &Slot| closed_at(&slot.order).into()).changing(),
        number("late", |slot: &Slot| paid(&slot.order).is_some_and(|paid| paid.late).into()).changing(),
        text("proof", |slot: &Slot| paid(&slot.order).map(|paid| paid.proof.name()).into()).changing(),
        number("refunded_outside", |slot: &Slot| slot.order.refunded_outside.into()).changing(),
        text("reference", |slot: &Slot| slot.order.reference().map(Reference::as_str).into()),
        text("metadata", |slot: &Slot| by_key(slot).map(|by_key| by_key.metadata.as_json()).into()),
        text("made_by", |slot: &Slot| by_key(slot).map(|by_key| by_key.key.as_str()).into()),
        text("return_url", |slot: &Slot| by_key(slot).and_then(|by_key| by_key.return_url.as_deref()).into()),
        number("cancelled_at", |slot: &Slot| slot.order.cancelled_at.into()).changing(),
        text("by_hand", |slot: &Slot| slot.order.by_hand.as_ref().map(TransactionId::as_str).into())
            .changing(),
        number("next_query_at", |slot: &Slot| next_query_at(slot))
            .unread()
            .updated_as("CASE WHEN {} = -1 THEN next_query_at ELSE {} END"),
    ];
    Table::new("orders", &["out_trade_no"], columns, "ON CONFLICT DO NOTHING")
});

/// The scene as it is stored. A struct of texts always has a JSON form.
fn scene_json(scene: &H5Scene) -> String {
    serde_json::to_string(scene).unwrap_or_default()
}

fn by_key(slot: &Slot) -> Option<&ByKey> {
    slot.order.by_key.as_deref()
}

fn paid(order: &Order) -> Option<&Paid> {
    match &order.state {
        OrderState::Paid(paid) => Some(paid),
        _ => None,
    }
}

fn closed_at(order: &Order) -> Option<UnixMillis> {
    match &order.state {
        OrderState::Closed { closed_at } => Some(*closed_at),
        OrderState::Paid(paid) => paid.closed_at,
        _ => None,
    }
}

/// A new order gets its first query; an open one keeps its schedule, unless it was cancelled; one that has ended is queried once more or never.
fn next_query_at(slot: &Slot) -> Value<'_> {
    let order = &slot.order;
    match (&order.state, slot.read) {
        (_, None) => query_schedule::first_query(order).into(),
        (OrderState::Closed { closed_at }, _) => {
            query_schedule::after_close(order, *closed_at, *closed_at).into()
        }
        _ if order.is_offered() => KEEP.into(),
        _ if order.is_open() => query_schedule::after_cancel(order).into(),
        _ => Value::Null,
    }
}

/// Writes the orders that a batch changed. `false`: another writer changed one since it was read, so the batch must be rolled
/// back.
pub(super) async fn store<'a>(
    connection: &mut Connection,
    slots: impl Iterator<Item = &'a Slot> + Clone,
) -> Result<bool, DbError> {
    ORDERS.store(connection, slots, |slot| slot.read).await
}

/// No order can be paid for longer than this after it was placed: the setting allows two hours. It bounds how much of the
/// index of a user's orders is read.
const PAYABLE_MS: i64 = 24 * 60 * 60 * 1000;

/// The orders of these users that can still be paid, and some that expired since.
pub(super) async fn read_open(
    connection: &mut Connection,
    users: &[&str],
    now: UnixMillis,
) -> Result<Vec<Order>, DbError> {
    if users.is_empty() {
        return Ok(Vec::new());
    }
    let users: Vec<_> = users.iter().map(|n| Key { n }).collect();
    let sql = format!(
        "{} WHERE user_id IN (SELECT j.value->>'n' FROM jsonb_each($1) AS j) \
         AND created_at > $2 AND state IN ('created', 'pending')",
        ORDERS.select
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(bulk::json(&users)?)
        .bind(now.get() - PAYABLE_MS)
        .fetch_all(connection)
        .await?;
    rows.iter().map(order).collect()
}

/// Whether one of these users, or one of their static codes, has more than `most` orders that can be paid. Within the transaction that wrote one, and behind
/// [`super::WriteTransaction::lock_users`], this is the last word.
pub(super) async fn is_over_open(
    connection: &mut Connection,
    users: &[&str],
    now: UnixMillis,
    most: usize,
) -> Result<bool, DbError> {
    const OVER: &str = "SELECT user_id FROM orders \
         WHERE user_id IN (SELECT j.value->>'n' FROM jsonb_each($1) AS j) AND created_at > $2 \
         AND state IN ('created', 'pending') AND time_expire > $3 AND cancelled_at IS NULL \
         GROUP BY user_id, static_code HAVING COUNT(*) > $4 LIMIT 1";
    let users: Vec<_> = users.iter().map(|n| Key { n }).collect();
    let row = sqlx::query(OVER)
        .bind(bulk::json(&users)?)
        .bind(now.get() - PAYABLE_MS)
        .bind(now.get())
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .fetch_optional(connection)
        .await?;
    Ok(row.is_some())
}

/// The orders that a batch of commands is about, those that have its references among them; for one that is placed, those that its user has open.
pub(super) async fn read_for(
    connection: &mut Connection,
    reads: &Reads<'_>,
    named: &NamedOrders,
) -> Result<Vec<Order>, DbError> {
    let mut numbers: Vec<_> = reads.orders.iter().map(|number| number.as_str()).collect();
    numbers.extend(named.values().map(|named| named.out_trade_no.as_str()));
    let keys: Vec<_> = reads.open_keys.iter().cloned().collect();
    let payers: Vec<_> = reads.open_of.iter().copied().collect();
    let mut found = read_open(connection, &payers, reads.now).await?;
    found.extend(read(connection, &numbers, &keys).await?);
    Ok(found)
}

/// The orders of these numbers, and those that are open under these keys.
pub(super) async fn read(
    connection: &mut Connection,
    numbers: &[&str],
    open_keys: &[String],
) -> Result<Vec<Order>, DbError> {
    let mut found = Vec::new();
    let open_keys: Vec<_> = open_keys.iter().map(String::as_str).collect();
    for (column, keys) in [("out_trade_no", numbers), ("open_key", &open_keys)] {
        found.extend(bulk::select_in(connection, &ORDERS.select, column, keys, order).await?);
    }
    Ok(found)
}

/// One order.
///
/// # Errors
/// [`DbError`].
pub async fn find(db: &Db, out_trade_no: &OutTradeNo) -> Result<Option<Order>, DbError> {
    let sql = format!("{} WHERE out_trade_no = $1", ORDERS.select);
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(out_trade_no.as_str())
        .fetch_optional(&mut *db.reading().await?)
        .await?;
    row.as_ref().map(order).transpose()
}

/// The orders of these numbers; those that are not there are left out.
///
/// # Errors
/// [`DbError`].
pub async fn find_all(db: &Db, numbers: &[OutTradeNo]) -> Result<Vec<Order>, DbError> {
    if numbers.is_empty() {
        return Ok(Vec::new());
    }
    let numbers: Vec<_> = numbers.iter().map(OutTradeNo::as_str).collect();
    read(&mut *db.reading().await?, &numbers, &[]).await
}

/// A user's orders that can still be paid, newest first, at most `limit`.
///
/// # Errors
/// [`DbError`].
pub async fn open_of(db: &Db, user_id: &str, now: UnixMillis, limit: i64) -> Result<Vec<Order>, DbError> {
    let sql = format!(
        "{} WHERE user_id = $1 AND state IN ('created', 'pending') \
         AND time_expire > $2 AND cancelled_at IS NULL ORDER BY created_at DESC, out_trade_no DESC LIMIT $3",
        ORDERS.select
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(user_id)
        .bind(now.get())
        .bind(limit)
        .fetch_all(&mut *db.reading().await?)
        .await?;
    rows.iter().map(order).collect()
}

/// When the first order was placed; `None` before it.
pub(crate) async fn first_created_at(db: &Db) -> Result<Option<UnixMillis>, DbError> {
    let row = sqlx::query("SELECT MIN(created_at) AS first FROM orders")
        .fetch_one(&mut *db.reading().await?)
        .await?;
    Ok(column::<Option<i64>>(&row, "first")?.map(UnixMillis::new))
}

/// What our books have of a payment.
#[derive(Debug, Clone)]
pub(crate) struct PaidOrder {
    pub out_trade_no: String,
    pub transaction_id: String,
    pub paid_at: UnixMillis,
    pub total_fee: Fen,
}

/// The orders paid on a day, in the order of payment, after the one of `after`; at most `limit`.
pub(crate) async fn paid_on(
    db: &Db,
    date: wxpay::bill::BillDate,
    after: Option<&PaidOrder>,
    limit: i64,
) -> Result<Vec<PaidOrder>, DbError> {
    let (from, number) =
        after.map_or((date.start(), ""), |after| (after.paid_at, after.out_trade_no.as_str()));
    let rows = sqlx::query(
        "SELECT out_trade_no, transaction_id, paid_at, total_fee FROM orders \
         WHERE paid_at >= $1 AND paid_at < $2 AND (paid_at > $1 OR out_trade_no > $3) \
         ORDER BY paid_at, out_trade_no LIMIT $4",
    )
    .bind(from.get())
    .bind(date.next().start().get())
    .bind(number)
    .bind(limit)
    .fetch_all(&mut *db.reading().await?)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(PaidOrder {
                out_trade_no: column(row, "out_trade_no")?,
                transaction_id: column(row, "transaction_id")?,
                paid_at: UnixMillis::new(column(row, "paid_at")?),
                total_fee: Fen::new(column(row, "total_fee")?),
            })
        })
        .collect()
}

/// Reads one row of [`ORDERS`].
pub(super) fn order(row: &AnyRow) -> Result<Order, DbError> {
    let row = ORDERS.row(row);
    let trade_type = row.parse("trade_type", |word| TradeType::parse(&word))?;
    let static_code = row.parse_optional("static_code", ProductId::parse)?;
    let ticket = |text: String| match static_code {
        None => Ticket::parse(trade_type, &text),
        Some(_) => PrepayId::parse(text).map(Ticket::Prepay),
    };
    let state: String = row.get("state")?;
    let state = match state.as_str() {
        "created" => OrderState::Created,
        "pending" => OrderState::Pending(Issued {
            ticket: row.parse("code_url", ticket)?,
            version: row.get("code_version")?,
            issued_at: row.time("code_issued_at")?,
        }),
        "closed" => OrderState::Closed { closed_at: row.time("closed_at")? },
        "paid" => OrderState::Paid(Paid {
            transaction_id: row.parse("transaction_id", TransactionId::parse)?,
            paid_at: row.time("paid_at")?,
            credited_at: row.time_optional("credited_at")?,
            closed_at: row.time_optional("closed_at")?,
            late: row.flag("late")?,
            proof: row.word("proof", Proof::from_name)?,
        }),
        _ => return Err(row.unknown("state", state)),
    };
    Ok(Order {
        out_trade_no: row.parse("out_trade_no", OutTradeNo::parse)?,
        user: User { id: row.get("user_id")?, name: row.get("user_name")? },
        total_fee: row.fen("total_fee")?,
        bonus: row.fen("bonus")?,
        first_bonus: row.fen("first_bonus")?,
        body: row.get("body")?,
        product_id: row.get("product_id")?,
        notify_url: row.get("notify_url")?,
        spbill_create_ip: row.parse("spbill_create_ip", |ip| ip.parse::<IpAddr>())?,
        signed: row.parse("sign_type", |name| Signed::parse(&name))?,
        app: row.parse("appid", App::parse)?,
        trade_type,
        openid: row.parse_optional("openid", OpenId::parse)?,
        scene: row.parse_optional("scene", |json| serde_json::from_str(&json))?,
        static_code,
        created_at: row.time("created_at")?,
        time_expire: row.time("time_expire")?,
        state,
        version: row.get("version")?,
        ordering_until: row.time("ordering_until")?,
        link_token: row.get("link_token")?,
        reusable: row.flag("reusable")?,
        refunded_outside: row.flag("refunded_outside")?,
        by_key: match row.get::<Option<String>>("made_by")? {
            None => None,
            Some(key) => Some(Box::new(ByKey {
                key,
                reference: row.parse_optional("reference", Reference::parse)?,
                metadata: row.parse("metadata", Metadata::parse)?,
                return_url: row.get("return_url")?,
            })),
        },
        cancelled_at: row.time_optional("cancelled_at")?,
        by_hand: row.parse_optional("by_hand", TransactionId::parse)?,
    })
}
