//! All SQL on `refund_wishes`.

use std::sync::LazyLock;

use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;
use wxpay::{OutRefundNo, OutTradeNo};

use super::bulk::{self, Table, number, text};
use super::{Connection, Db, DbError};
use recharge::audit::Actor;
use recharge::batch::WishSlot;
use recharge::refund_wish::{Answer, RefundWish, Verdict};

/// The columns of a wish, as a batch writes them.
static WISHES: LazyLock<Table<WishSlot>> = LazyLock::new(|| {
    let columns = vec![
        text("id", |slot: &WishSlot| slot.wish.id().into()),
        text("out_trade_no", |slot: &WishSlot| slot.wish.out_trade_no.as_str().into()),
        number("n", |slot: &WishSlot| slot.wish.n.into()),
        text("reason", |slot: &WishSlot| slot.wish.reason.as_str().into()),
        number("asked_at", |slot: &WishSlot| slot.wish.asked_at.into()),
        text("state", |slot: &WishSlot| state(&slot.wish).into()).changing(),
        number("answered_at", |slot: &WishSlot| slot.wish.answer.as_ref().map(|answer| answer.at).into())
            .changing(),
        text("answered_by", |slot: &WishSlot| {
            slot.wish.answer.as_ref().map(|answer| answer.by.name()).into()
        })
        .changing(),
        text("answered_by_kind", |slot: &WishSlot| {
            slot.wish.answer.as_ref().map(|answer| answer.by.kind()).into()
        })
        .changing(),
        text("words", |slot: &WishSlot| match slot.wish.answer.as_ref().map(|answer| &answer.verdict) {
            Some(Verdict::Declined(words)) => words.as_str().into(),
            _ => bulk::Value::Null,
        })
        .changing(),
        text("out_refund_no", |slot: &WishSlot| {
            match slot.wish.answer.as_ref().map(|answer| &answer.verdict) {
                Some(Verdict::Accepted(refund)) => refund.as_str().into(),
                _ => bulk::Value::Null,
            }
        })
        .changing(),
        text("open_key", |slot: &WishSlot| {
            slot.wish.is_open().then(|| slot.wish.out_trade_no.as_str()).into()
        })
        .changing()
        .unread(),
        number("version", |slot: &WishSlot| slot.wish.version.into()).changing(),
    ];
    // No ON CONFLICT: a second one that waits must fail, not vanish.
    Table::new("refund_wishes", &["id"], columns, "")
});

fn state(wish: &RefundWish) -> &'static str {
    match wish.answer.as_ref().map(|answer| &answer.verdict) {
        None => "open",
        Some(Verdict::Accepted(_)) => "accepted",
        Some(Verdict::Declined(_)) => "declined",
    }
}

/// Writes the wishes that a batch changed. `false`: another writer changed one since it was read, so the batch must be rolled
/// back.
pub(super) async fn store<'a>(
    connection: &mut Connection,
    slots: impl Iterator<Item = &'a WishSlot> + Clone,
) -> Result<bool, DbError> {
    WISHES.store(connection, slots.filter(|slot| slot.changed), |slot| slot.read).await
}

/// The wishes about these orders, for a batch.
pub(super) async fn read(connection: &mut Connection, orders: &[&str]) -> Result<Vec<RefundWish>, DbError> {
    bulk::select_in(connection, &WISHES.select, "out_trade_no", orders, wish).await
}

/// The wishes about these orders, in the order in which they were asked.
pub(crate) async fn of_orders(db: &Db, orders: &[&str]) -> Result<Vec<RefundWish>, DbError> {
    let mut found = read(&mut *db.reading().await?, orders).await?;
    found.sort_by_key(|wish| (wish.asked_at, wish.n));
    Ok(found)
}

/// Those that wait, oldest first, at most `limit`.
pub(crate) async fn open(db: &Db, limit: i64) -> Result<Vec<RefundWish>, DbError> {
    let sql = format!("{} WHERE state = 'open' ORDER BY asked_at, id LIMIT $1", WISHES.select);
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(limit).fetch_all(&mut *db.reading().await?).await?;
    rows.iter().map(wish).collect()
}

fn wish(row: &AnyRow) -> Result<RefundWish, DbError> {
    let row = WISHES.row(row);
    let declined = row.get::<Option<String>>("words")?.map(Verdict::Declined);
    let accepted = row.parse_optional("out_refund_no", OutRefundNo::parse)?.map(Verdict::Accepted);
    let by = match (row.get::<Option<String>>("answered_by_kind")?, row.get("answered_by")?) {
        (Some(kind), Some(name)) => Actor::from_columns(&kind, name),
        _ => None,
    };
    let answer = match (declined.or(accepted), by, row.time_optional("answered_at")?) {
        (Some(verdict), Some(by), Some(at)) => Some(Answer { at, by, verdict }),
        _ => None,
    };
    Ok(RefundWish {
        out_trade_no: row.parse("out_trade_no", OutTradeNo::parse)?,
        n: row.get("n")?,
        reason: row.get("reason")?,
        asked_at: row.time("asked_at")?,
        answer,
        version: row.get("version")?,
    })
}
