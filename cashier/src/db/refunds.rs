//! All SQL on `refunds`.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde::Serialize;
use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;
use wxpay::{OutRefundNo, OutTradeNo, Protocol, RefundId, TransactionId, UnixMillis};

use super::bulk::{self, Table, number, read_only, text};
use super::{Connection, Db, DbError, column};
use recharge::User;
use recharge::batch::RefundSlot;
use recharge::exception::ExceptionId;
use recharge::refund::{Blocked, Problem, Refund, RefundState, retry};
use recharge::spend::Reference;

/// The columns of a refund, as a batch writes them.
pub(super) static REFUNDS: LazyLock<Table<RefundSlot>> = LazyLock::new(|| {
    let columns = vec![
        text("out_refund_no", |slot: &RefundSlot| slot.refund.out_refund_no.as_str().into()),
        text("out_trade_no", |slot: &RefundSlot| slot.refund.out_trade_no.as_str().into()),
        text("transaction_id", |slot: &RefundSlot| slot.refund.transaction_id.as_str().into()),
        number("total_fee", |slot: &RefundSlot| slot.refund.total_fee.into()),
        number("amount", |slot: &RefundSlot| slot.refund.amount.into()),
        number("share", |slot: &RefundSlot| slot.refund.share.into()).changing(),
        number("taken", |slot: &RefundSlot| slot.refund.taken.into()).changing(),
        text("user_id", |slot: &RefundSlot| slot.refund.user.as_ref().map_or("", |user| &user.id).into()),
        text("user_name", |slot: &RefundSlot| slot.refund.user.as_ref().map_or("", |user| &user.name).into()),
        text("reason", |slot: &RefundSlot| slot.refund.reason.as_str().into()),
        text("reference", |slot: &RefundSlot| slot.refund.reference.as_ref().map(Reference::as_str).into()),
        text("protocol", |slot: &RefundSlot| slot.refund.protocol.to_string().into()),
        text("notify_url", |slot: &RefundSlot| slot.refund.notify_url.as_deref().into()),
        text("made_by", |slot: &RefundSlot| slot.refund.by.name().into()),
        text("made_by_kind", |slot: &RefundSlot| slot.refund.by.kind().into()),
        number("overdrawn", |slot: &RefundSlot| slot.refund.overdrawn.into()).changing(),
        text("exception_id", |slot: &RefundSlot| {
            slot.refund.exception.as_ref().map(ToString::to_string).into()
        }),
        number("requested_at", |slot: &RefundSlot| slot.refund.requested_at.into()),
        text("state", |slot: &RefundSlot| slot.refund.state.name().into()).changing(),
        text("refund_id", |slot: &RefundSlot| slot.refund.refund_id.as_ref().map(RefundId::as_str).into())
            .changing(),
        number("ended_at", |slot: &RefundSlot| slot.refund.ended_at.into()).changing(),
        text("problem", |slot: &RefundSlot| {
            slot.refund.blocked.as_ref().map(|blocked| blocked.problem.name()).into()
        })
        .changing(),
        text("problem_said", |slot: &RefundSlot| {
            slot.refund.blocked.as_ref().map(|blocked| blocked.said.as_str()).into()
        })
        .changing(),
        number("due_at", |slot: &RefundSlot| slot.refund.due_at.into()).changing(),
        number("version", |slot: &RefundSlot| slot.refund.version.into()).changing(),
        read_only("tries"),
        read_only("tried_at"),
    ];
    // No ON CONFLICT: a number that is taken must fail, not vanish.
    Table::new("refunds", &["out_refund_no"], columns, "")
});

/// Writes the refunds that a batch changed. `false`: another writer changed one since it was read, so the batch must be rolled
/// back.
pub(super) async fn store<'a>(
    connection: &mut Connection,
    slots: impl Iterator<Item = &'a RefundSlot> + Clone,
) -> Result<bool, DbError> {
    REFUNDS.store(connection, slots.filter(|slot| slot.changed), |slot| slot.read).await
}

#[derive(Serialize)]
struct Payment<'a> {
    n: &'a str,
    x: &'a str,
}

const OVER_REFUNDED: &str = "SELECT 1 AS one FROM refunds AS r JOIN jsonb_each($1) AS j \
     ON r.out_trade_no = j.value->>'n' AND r.transaction_id = j.value->>'x' WHERE r.state <> 'closed' \
     GROUP BY r.out_trade_no, r.transaction_id HAVING SUM(r.amount) > MIN(r.total_fee) LIMIT 1";

/// Whether a payment that this batch gives back has refunds of more than was paid. A payment without an order has no
/// version that guards it: another instance may have written a refund of it after it was read, and is seen here, because
/// both took from the same balance, whose row is locked by now.
pub(super) async fn is_over_refunded<'a>(
    connection: &mut Connection,
    slots: impl Iterator<Item = &'a RefundSlot>,
) -> Result<bool, DbError> {
    let new = slots.filter(|slot| slot.read.is_none() && !slot.refund.is_external());
    let payments: BTreeSet<_> =
        new.map(|slot| (slot.refund.out_trade_no.as_str(), slot.refund.transaction_id.as_str())).collect();
    if payments.is_empty() {
        return Ok(false);
    }
    let keys: Vec<_> = payments.into_iter().map(|(n, x)| Payment { n, x }).collect();
    let over = sqlx::query(OVER_REFUNDED).bind(bulk::json(&keys)?).fetch_optional(connection).await?;
    Ok(over.is_some())
}

/// The refunds of these orders, and those of these numbers.
pub(super) async fn read(
    connection: &mut Connection,
    orders: &[&str],
    numbers: &[&str],
) -> Result<Vec<Refund>, DbError> {
    let mut found = Vec::new();
    for (column, keys) in [("out_trade_no", orders), ("out_refund_no", numbers)] {
        found.extend(bulk::select_in(connection, &REFUNDS.select, column, keys, refund).await?);
    }
    Ok(found)
}

/// One refund.
///
/// # Errors
/// [`DbError`].
pub async fn find(db: &Db, out_refund_no: &OutRefundNo) -> Result<Option<Refund>, DbError> {
    let sql = format!("{} WHERE out_refund_no = $1", REFUNDS.select);
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(out_refund_no.as_str())
        .fetch_optional(&mut *db.reading().await?)
        .await?;
    row.as_ref().map(refund).transpose()
}

/// The refunds of an order number, of whichever payment, oldest first.
///
/// # Errors
/// [`DbError`].
pub async fn of_order(db: &Db, out_trade_no: &OutTradeNo) -> Result<Vec<Refund>, DbError> {
    let sql = format!("{} WHERE out_trade_no = $1 ORDER BY requested_at, out_refund_no", REFUNDS.select);
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(out_trade_no.as_str())
        .fetch_all(&mut *db.reading().await?)
        .await?;
    rows.iter().map(refund).collect()
}

/// The refunds of these order numbers.
pub(crate) async fn of_orders(db: &Db, numbers: &[&str]) -> Result<Vec<Refund>, DbError> {
    if numbers.is_empty() {
        return Ok(Vec::new());
    }
    read(&mut *db.reading().await?, numbers, &[]).await
}

/// The refunds that we asked for on a day and that WeChat has taken on, in the order of asking, after the one of `after`;
/// at most `limit`.
pub(crate) async fn asked_for_on(
    db: &Db,
    date: wxpay::bill::BillDate,
    after: Option<&Refund>,
    limit: i64,
) -> Result<Vec<Refund>, DbError> {
    let sql = format!(
        "{} WHERE requested_at >= $1 AND requested_at < $2 \
         AND (requested_at > $1 OR out_refund_no > $3) AND refund_id IS NOT NULL AND state <> 'closed' \
         AND made_by_kind <> 'wechat' ORDER BY requested_at, out_refund_no LIMIT $4",
        REFUNDS.select
    );
    let (from, number) =
        after.map_or((date.start(), ""), |after| (after.requested_at, after.out_refund_no.as_str()));
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(from.get())
        .bind(date.next().start().get())
        .bind(number)
        .bind(limit)
        .fetch_all(&mut *db.reading().await?)
        .await?;
    rows.iter().map(refund).collect()
}

/// Refunds that are not over, oldest first, at most `limit`.
///
/// # Errors
/// [`DbError`].
pub async fn open(db: &Db, limit: i64) -> Result<Vec<Refund>, DbError> {
    let sql =
        format!("{} WHERE due_at IS NOT NULL ORDER BY requested_at, out_refund_no LIMIT $1", REFUNDS.select);
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(limit).fetch_all(&mut *db.reading().await?).await?;
    rows.iter().map(refund).collect()
}

#[derive(Serialize)]
struct Claim<'a> {
    n: &'a str,
    /// The `due_at` that was read: a claim or a change since then wins.
    d: i64,
}

const CLAIM: &str = "UPDATE refunds SET due_at = $2, tries = tries + 1, tried_at = $3, \
     version = version + 1 \
     FROM jsonb_each($1) AS j WHERE refunds.out_refund_no = j.value->>'n' \
     AND refunds.due_at = CAST(j.value->>'d' AS BIGINT) RETURNING out_refund_no";

/// Claims up to `limit` refunds that are due, `only` those of this protocol. What another instance claimed meanwhile is not in
/// the answer.
pub(crate) async fn claim(
    db: &Db,
    only: Option<Protocol>,
    now: UnixMillis,
    limit: usize,
) -> Result<Vec<OutRefundNo>, DbError> {
    let rows = sqlx::query(
        "SELECT out_refund_no, due_at FROM refunds \
         WHERE (due_at <= $1 OR due_at > $2) AND ($4 = '' OR protocol = $4) ORDER BY due_at LIMIT $3",
    )
    .bind(now.get())
    .bind(now.plus_ms(retry::FURTHEST_MS).get())
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .bind(only.map_or_else(String::new, |protocol| protocol.to_string()))
    .fetch_all(&mut *db.reading().await?)
    .await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let due: Vec<(String, i64)> = rows
        .iter()
        .map(|row| Ok((column(row, "out_refund_no")?, column(row, "due_at")?)))
        .collect::<Result<_, DbError>>()?;
    let claims: Vec<_> = due.iter().map(|(n, d)| Claim { n, d: *d }).collect();
    let json = bulk::json(&claims)?;
    let mut transaction = db.begin().await?;
    let rows = sqlx::query(CLAIM)
        .bind(json)
        .bind(now.plus_ms(retry::LEASE_MS).get())
        .bind(now.get())
        .fetch_all(transaction.connection())
        .await?;
    transaction.commit().await?;
    let number = |row| REFUNDS.row(row).parse("out_refund_no", OutRefundNo::parse);
    rows.iter().map(number).collect()
}

/// Makes a refund due now; `false` if it is over or unknown.
pub(crate) async fn hurry(db: &Db, out_refund_no: &OutRefundNo, now: UnixMillis) -> Result<bool, DbError> {
    let mut transaction = db.begin().await?;
    let done = sqlx::query("UPDATE refunds SET due_at = $1 WHERE out_refund_no = $2 AND due_at IS NOT NULL")
        .bind(now.get())
        .bind(out_refund_no.as_str())
        .execute(transaction.connection())
        .await?;
    transaction.commit().await?;
    Ok(done.rows_affected() == 1)
}

/// Leases a refund that WeChat does not have, so that it is not sent meanwhile; `false` if it was sent in the last `pause_ms`,
/// so that a request may still be on its way.
pub(crate) async fn hold(db: &Db, refund: &Refund, pause_ms: i64, now: UnixMillis) -> Result<bool, DbError> {
    let mut transaction = db.begin().await?;
    let done = sqlx::query(
        "UPDATE refunds SET due_at = $1, tried_at = $2, version = version + 1 WHERE out_refund_no = $3 \
         AND state = 'requested' AND tried_at <= $4 AND version = $5",
    )
    .bind(now.plus_ms(retry::LEASE_MS).get())
    .bind(now.get())
    .bind(refund.out_refund_no.as_str())
    .bind(now.plus_ms(-pause_ms).get())
    .bind(refund.version)
    .execute(transaction.connection())
    .await?;
    transaction.commit().await?;
    Ok(done.rows_affected() == 1)
}

pub(super) fn refund(row: &AnyRow) -> Result<Refund, DbError> {
    let row = REFUNDS.row(row);
    let user_id: String = row.get("user_id")?;
    let blocked = match row.word_optional("problem", Problem::from_name)? {
        Some(problem) => {
            let said = row.get::<Option<String>>("problem_said")?.unwrap_or_default();
            Some(Blocked { problem, said })
        }
        None => None,
    };
    Ok(Refund {
        out_refund_no: row.parse("out_refund_no", OutRefundNo::parse)?,
        out_trade_no: row.parse("out_trade_no", OutTradeNo::parse)?,
        transaction_id: row.parse("transaction_id", TransactionId::parse)?,
        total_fee: row.fen("total_fee")?,
        amount: row.fen("amount")?,
        share: row.fen("share")?,
        taken: row.fen("taken")?,
        user: match user_id.is_empty() {
            true => None,
            false => Some(User { id: user_id, name: row.get("user_name")? }),
        },
        reason: row.get("reason")?,
        reference: row.parse_optional("reference", Reference::parse)?,
        protocol: row.word("protocol", Protocol::from_name)?,
        notify_url: row.get("notify_url")?,
        by: row.actor("made_by_kind", "made_by")?,
        overdrawn: row.flag("overdrawn")?,
        exception: row.word_optional("exception_id", ExceptionId::parse)?,
        requested_at: row.time("requested_at")?,
        state: row.word("state", RefundState::from_name)?,
        refund_id: row.parse_optional("refund_id", RefundId::parse)?,
        ended_at: row.time_optional("ended_at")?,
        blocked,
        due_at: row.time_optional("due_at")?,
        tries: row.get("tries")?,
        tried_at: row.time("tried_at")?,
        version: row.get("version")?,
    })
}
