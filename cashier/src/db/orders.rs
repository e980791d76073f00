//! All SQL on `orders` that moves one or finds one by its number. Lists are in `db/list.rs`.

use serde::Serialize;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe};
use wxpay::{Fen, OutTradeNo, Signed, Ticket, TradeType, TransactionId, UnixMillis};

use super::bulk::{self, Key};
use super::{Db, DbError, Table, broken, column};
use recharge::User;
use recharge::batch::Slot;
use recharge::command::Reads;
use recharge::order::query_schedule;
use recharge::order::{Issued, Order, OrderState, Paid, Proof};

const TABLE: Table = Table { name: "orders", key: &["out_trade_no"] };

pub(super) const COLUMNS: &str = "out_trade_no, user_id, user_name, total_fee, bonus, body, \
     product_id, notify_url, spbill_create_ip, sign_type, created_at, time_expire, state, version, \
     ordering_until, link_token, reusable, code_url, code_version, code_issued_at, transaction_id, \
     paid_at, credited_at, closed_at, late, proof, refunded_outside, by_hand";

/// Every order is paid by a code to scan; there is no column for it yet.
const TRADE_TYPE: TradeType = TradeType::Native;

/// A row as it goes into a JSON set. The names are short because they are repeated for every row.
#[derive(Debug, Serialize)]
struct Row<'a> {
    n: &'a OutTradeNo,
    /// The version that was read; the row moves only if it is still there.
    r: i64,
    v: i64,
    st: &'a str,
    ou: i64,
    lt: &'a str,
    re: i64,
    ok: Option<String>,
    cu: Option<&'a str>,
    cv: Option<i64>,
    ci: Option<i64>,
    ti: Option<&'a str>,
    pa: Option<i64>,
    cr: Option<i64>,
    cl: Option<i64>,
    la: i64,
    pr: Option<&'a str>,
    ro: i64,
    bh: Option<&'a str>,
    /// 1 once it has ended: then WeChat is asked at `aq` next, or never.
    end: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    aq: Option<i64>,
}

/// What an order has from the beginning, for its first row.
#[derive(Debug, Serialize)]
struct NewRow<'a> {
    #[serde(flatten)]
    row: Row<'a>,
    ui: &'a str,
    un: &'a str,
    tf: i64,
    bo: i64,
    bd: &'a str,
    pi: &'a str,
    nu: &'a str,
    ip: String,
    sg: &'a str,
    ca: i64,
    te: i64,
    nq: i64,
}

fn row(order: &Order, read: i64) -> Row<'_> {
    let issued = order.issued();
    let paid = match &order.state {
        OrderState::Paid(paid) => Some(paid),
        _ => None,
    };
    let closed_at = match &order.state {
        OrderState::Closed { closed_at } => Some(*closed_at),
        _ => paid.and_then(|paid| paid.closed_at),
    };
    Row {
        n: &order.out_trade_no,
        r: read,
        v: order.version,
        st: order.state.name(),
        ou: order.ordering_until.get(),
        lt: &order.link_token,
        re: i64::from(order.reusable),
        ok: order.open_key(),
        cu: issued.map(|issued| issued.ticket.as_str()),
        cv: issued.map(|issued| issued.version),
        ci: issued.map(|issued| issued.issued_at.get()),
        ti: paid.map(|paid| paid.transaction_id.as_str()),
        pa: paid.map(|paid| paid.paid_at.get()),
        cr: paid.and_then(|paid| paid.credited_at).map(UnixMillis::get),
        cl: closed_at.map(UnixMillis::get),
        la: i64::from(paid.is_some_and(|paid| paid.late)),
        pr: paid.map(|paid| paid.proof.name()),
        ro: i64::from(order.refunded_outside),
        bh: order.by_hand.as_ref().map(TransactionId::as_str),
        end: i64::from(!order.is_open()),
        aq: match &order.state {
            OrderState::Closed { closed_at } => query_schedule::after_close(order, *closed_at, *closed_at),
            _ => None,
        }
        .map(UnixMillis::get),
    }
}

const UPDATE: &str = "UPDATE orders SET \
     state = j.value->>'st', version = CAST(j.value->>'v' AS BIGINT), \
     ordering_until = CAST(j.value->>'ou' AS BIGINT), link_token = j.value->>'lt', \
     reusable = CAST(j.value->>'re' AS BIGINT), open_key = j.value->>'ok', \
     code_url = j.value->>'cu', code_version = CAST(j.value->>'cv' AS BIGINT), \
     code_issued_at = CAST(j.value->>'ci' AS BIGINT), transaction_id = j.value->>'ti', \
     paid_at = CAST(j.value->>'pa' AS BIGINT), credited_at = CAST(j.value->>'cr' AS BIGINT), \
     closed_at = CAST(j.value->>'cl' AS BIGINT), late = CAST(j.value->>'la' AS BIGINT), \
     proof = j.value->>'pr', refunded_outside = CAST(j.value->>'ro' AS BIGINT), \
     by_hand = j.value->>'bh', next_query_at = CASE WHEN CAST(j.value->>'end' AS BIGINT) = 1 \
     THEN CAST(j.value->>'aq' AS BIGINT) ELSE next_query_at END \
     FROM jsonb_each($1) AS j \
     WHERE orders.out_trade_no = j.value->>'n' AND orders.version = CAST(j.value->>'r' AS BIGINT)";

const INSERT: &str = "INSERT INTO orders (out_trade_no, user_id, user_name, total_fee, bonus, body, \
     product_id, notify_url, spbill_create_ip, sign_type, created_at, time_expire, state, version, \
     ordering_until, link_token, reusable, open_key, code_url, code_version, code_issued_at, \
     transaction_id, paid_at, credited_at, closed_at, late, proof, next_query_at) \
     SELECT j.value->>'n', j.value->>'ui', j.value->>'un', CAST(j.value->>'tf' AS BIGINT), \
     CAST(j.value->>'bo' AS BIGINT), j.value->>'bd', j.value->>'pi', j.value->>'nu', \
     j.value->>'ip', j.value->>'sg', CAST(j.value->>'ca' AS BIGINT), \
     CAST(j.value->>'te' AS BIGINT), j.value->>'st', CAST(j.value->>'v' AS BIGINT), \
     CAST(j.value->>'ou' AS BIGINT), j.value->>'lt', CAST(j.value->>'re' AS BIGINT), \
     j.value->>'ok', j.value->>'cu', CAST(j.value->>'cv' AS BIGINT), \
     CAST(j.value->>'ci' AS BIGINT), j.value->>'ti', CAST(j.value->>'pa' AS BIGINT), \
     CAST(j.value->>'cr' AS BIGINT), CAST(j.value->>'cl' AS BIGINT), \
     CAST(j.value->>'la' AS BIGINT), j.value->>'pr', CAST(j.value->>'nq' AS BIGINT) \
     FROM jsonb_each($1) AS j WHERE true ON CONFLICT DO NOTHING";

/// Writes the orders that a batch changed. `false`: somebody else moved one since it was read, so nothing may stand.
pub(super) async fn store<'a>(
    connection: &mut AnyConnection,
    slots: impl Iterator<Item = &'a Slot> + Clone,
) -> Result<bool, DbError> {
    let updates: Vec<_> =
        slots.clone().filter_map(|slot| slot.read.map(|read| row(&slot.order, read))).collect();
    if bulk::write(connection, UPDATE, &updates).await? != updates.len() as u64 {
        return Ok(false);
    }
    let inserts: Vec<_> = slots
        .filter(|slot| slot.read.is_none())
        .map(|slot| NewRow {
            row: row(&slot.order, 0),
            ui: &slot.order.user.id,
            un: &slot.order.user.name,
            tf: slot.order.total_fee.get(),
            bo: slot.order.bonus.get(),
            bd: &slot.order.body,
            pi: &slot.order.product_id,
            nu: &slot.order.notify_url,
            ip: slot.order.spbill_create_ip.to_string(),
            sg: slot.order.signed.as_str(),
            ca: slot.order.created_at.get(),
            te: slot.order.time_expire.get(),
            nq: query_schedule::first_query(&slot.order).get(),
        })
        .collect();
    Ok(bulk::write(connection, INSERT, &inserts).await? == inserts.len() as u64)
}

/// No order can be paid for longer than this after it was placed: the setting allows two hours. It bounds how much of the
/// index of a user's orders is read.
const PAYABLE_MS: i64 = 24 * 60 * 60 * 1000;

/// The orders of these users that can still be paid, and some that expired since.
pub(super) async fn read_open(
    connection: &mut AnyConnection,
    users: &[&str],
    now: UnixMillis,
) -> Result<Vec<Order>, DbError> {
    if users.is_empty() {
        return Ok(Vec::new());
    }
    let users: Vec<_> = users.iter().map(|n| Key { n }).collect();
    let sql = format!(
        "SELECT {COLUMNS} FROM orders WHERE user_id IN (SELECT j.value->>'n' FROM jsonb_each($1) AS j) \
         AND created_at > $2 AND state IN ('created', 'pending')"
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(bulk::json(&users)?)
        .bind(now.get() - PAYABLE_MS)
        .fetch_all(connection)
        .await?;
    rows.iter().map(order).collect()
}

/// Whether one of these users has more than `most` orders that can be paid. Within the transaction that wrote one, and behind
/// [`super::WriteTransaction::lock_users`], this is the last word.
pub(super) async fn is_over_open(
    connection: &mut AnyConnection,
    users: &[&str],
    now: UnixMillis,
    most: usize,
) -> Result<bool, DbError> {
    const OVER: &str = "SELECT user_id FROM orders \
         WHERE user_id IN (SELECT j.value->>'n' FROM jsonb_each($1) AS j) AND created_at > $2 \
         AND state IN ('created', 'pending') AND time_expire > $3 \
         GROUP BY user_id HAVING COUNT(*) > $4 LIMIT 1";
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

/// The orders that a batch of commands is about; for one that is placed, those that its user has open.
pub(super) async fn read_for(
    connection: &mut AnyConnection,
    reads: &Reads<'_>,
) -> Result<Vec<Order>, DbError> {
    let numbers: Vec<_> = reads.orders.iter().map(|number| number.as_str()).collect();
    let keys: Vec<_> = reads.open_keys.iter().cloned().collect();
    let payers: Vec<_> = reads.open_of.iter().copied().collect();
    let mut found = read_open(connection, &payers, reads.now).await?;
    found.extend(read(connection, &numbers, &keys).await?);
    Ok(found)
}

/// The orders of these numbers, and those that are open under these keys.
pub(super) async fn read(
    connection: &mut AnyConnection,
    numbers: &[&str],
    open_keys: &[String],
) -> Result<Vec<Order>, DbError> {
    let numbers: Vec<_> = numbers.iter().map(|n| Key { n }).collect();
    let open_keys: Vec<_> = open_keys.iter().map(|n| Key { n }).collect();
    let mut found = Vec::new();
    for (column, keys) in [("out_trade_no", numbers), ("open_key", open_keys)] {
        if !keys.is_empty() {
            let sql = format!(
                "SELECT {COLUMNS} FROM orders \
                 WHERE {column} IN (SELECT j.value->>'n' FROM jsonb_each($1) AS j)"
            );
            let query = sqlx::query(AssertSqlSafe(sql)).bind(bulk::json(&keys)?);
            for row in query.fetch_all(&mut *connection).await? {
                found.push(order(&row)?);
            }
        }
    }
    Ok(found)
}

/// # Errors
/// Whatever the database says.
pub async fn find(db: &Db, out_trade_no: &OutTradeNo) -> Result<Option<Order>, DbError> {
    let sql = format!("SELECT {COLUMNS} FROM orders WHERE out_trade_no = $1");
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(out_trade_no.as_str())
        .fetch_optional(&mut *db.reading().await?)
        .await?;
    row.as_ref().map(order).transpose()
}

/// The orders of these numbers; those that are not there are left out.
///
/// # Errors
/// Whatever the database says.
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
/// Whatever the database says.
pub async fn open_of(db: &Db, user_id: &str, now: UnixMillis, limit: i64) -> Result<Vec<Order>, DbError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM orders WHERE user_id = $1 AND state IN ('created', 'pending') \
         AND time_expire > $2 ORDER BY created_at DESC, out_trade_no DESC LIMIT $3"
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

/// Reads one row of [`COLUMNS`].
pub(super) fn order(row: &AnyRow) -> Result<Order, DbError> {
    let word: String = column(row, "state")?;
    let state = match word.as_str() {
        "pending" => OrderState::Pending(Issued {
            ticket: Ticket::parse(TRADE_TYPE, &column::<String>(row, "code_url")?)
                .map_err(|e| broken("code_url", e))?,
            version: column(row, "code_version")?,
            issued_at: UnixMillis::new(column(row, "code_issued_at")?),
        }),
        "closed" => OrderState::Closed { closed_at: UnixMillis::new(column(row, "closed_at")?) },
        "paid" => OrderState::Paid(Paid {
            transaction_id: TransactionId::parse(column::<String>(row, "transaction_id")?)
                .map_err(|e| broken("transaction_id", e))?,
            paid_at: UnixMillis::new(column(row, "paid_at")?),
            credited_at: column::<Option<i64>>(row, "credited_at")?.map(UnixMillis::new),
            closed_at: column::<Option<i64>>(row, "closed_at")?.map(UnixMillis::new),
            late: column::<i64>(row, "late")? != 0,
            proof: TABLE.word(row, "proof", Proof::from_name)?,
        }),
        "created" => OrderState::Created,
        _ => return Err(TABLE.unknown(row, "state", word)),
    };
    Ok(Order {
        out_trade_no: OutTradeNo::parse(column::<String>(row, "out_trade_no")?)
            .map_err(|e| broken("out_trade_no", e))?,
        user: User { id: column(row, "user_id")?, name: column(row, "user_name")? },
        total_fee: Fen::new(column(row, "total_fee")?),
        bonus: Fen::new(column(row, "bonus")?),
        body: column(row, "body")?,
        product_id: column(row, "product_id")?,
        notify_url: column(row, "notify_url")?,
        spbill_create_ip: column::<String>(row, "spbill_create_ip")?
            .parse()
            .map_err(|e: std::net::AddrParseError| broken("spbill_create_ip", e))?,
        signed: Signed::parse(&column::<String>(row, "sign_type")?).map_err(|e| broken("sign_type", e))?,
        trade_type: TRADE_TYPE,
        created_at: UnixMillis::new(column(row, "created_at")?),
        time_expire: UnixMillis::new(column(row, "time_expire")?),
        state,
        version: column(row, "version")?,
        ordering_until: UnixMillis::new(column(row, "ordering_until")?),
        link_token: column(row, "link_token")?,
        reusable: column::<i64>(row, "reusable")? != 0,
        refunded_outside: column::<i64>(row, "refunded_outside")? != 0,
        by_hand: column::<Option<String>>(row, "by_hand")?
            .map(TransactionId::parse)
            .transpose()
            .map_err(|e| broken("by_hand", e))?,
    })
}
