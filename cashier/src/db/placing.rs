//! What is known of users who order under terms, and the bonus for an account's first order: `first_bonuses`, and sums of `orders`.

use std::collections::BTreeMap;

use serde::Serialize;
use wxpay::{Fen, OutTradeNo, UnixMillis};

use super::bulk::{self, Key};
use super::row::Row;
use super::{Connection, Db, DbError, column};
use recharge::batch::{Batch, DayLimit, Payer, Placing};
use recharge::command::Reads;
use recharge::order::terms::day_start;

#[derive(Serialize)]
struct Asked<'a> {
    n: &'a str,
    /// The beginning of the day.
    f: i64,
    /// Now.
    t: i64,
    /// What may be ordered in the day.
    #[serde(skip_serializing_if = "Option::is_none")]
    m: Option<i64>,
}

/// What counts to a day's limit: what is paid, and what is offered and can be paid.
macro_rules! of_the_day {
    () => {
        "FROM jsonb_each($1) AS j JOIN orders AS o ON o.user_id = j.value->>'n' \
         AND o.created_at >= CAST(j.value->>'f' AS BIGINT) AND (o.state = 'paid' OR (o.state IN ('created', 'pending') \
         AND o.reusable = 1 AND o.time_expire > CAST(j.value->>'t' AS BIGINT)))"
    };
}

const ORDERED: &str = concat!(
    "SELECT o.user_id AS user_id, CAST(SUM(o.total_fee) AS BIGINT) AS ordered ",
    of_the_day!(),
    " GROUP BY o.user_id"
);

const OVER: &str = concat!(
    "SELECT o.user_id AS user_id ",
    of_the_day!(),
    " GROUP BY o.user_id HAVING SUM(o.total_fee) > MIN(CAST(j.value->>'m' AS BIGINT)) LIMIT 1"
);

const PAID: &str = "SELECT j.value->>'n' AS user_id FROM jsonb_each($1) AS j \
     WHERE EXISTS (SELECT 1 FROM orders AS o WHERE o.user_id = j.value->>'n' AND o.state = 'paid')";

const FIRST: &str = "SELECT user_id, out_trade_no FROM first_bonuses \
     WHERE user_id IN (SELECT j.value->>'n' FROM jsonb_each($1) AS j)";

/// What is known of the users whose orders have terms.
pub(super) async fn read(connection: &mut Connection, reads: &Reads<'_>) -> Result<Placing, DbError> {
    if reads.placing.is_empty() {
        return Ok(Placing::default());
    }
    let users: Vec<_> = reads.placing.iter().map(|(user, now)| (*user, *now)).collect();
    Ok(Placing::new(payers(connection, &users).await?))
}

/// What is known of one user who may order.
pub(crate) async fn payer(db: &Db, user_id: &str, now: UnixMillis) -> Result<Payer, DbError> {
    let mut found = payers(&mut *db.reading().await?, &[(user_id, now)]).await?;
    Ok(found.remove(user_id).unwrap_or_default())
}

async fn payers(
    connection: &mut Connection,
    users: &[(&str, UnixMillis)],
) -> Result<BTreeMap<String, Payer>, DbError> {
    let asked: Vec<_> =
        users.iter().map(|&(n, now)| Asked { n, f: day_start(now).get(), t: now.get(), m: None }).collect();
    let asked = bulk::json(&asked)?;
    let mut payers: BTreeMap<String, Payer> = BTreeMap::new();
    for row in sqlx::query(ORDERED).bind(&asked).fetch_all(&mut *connection).await? {
        let payer = payers.entry(column(&row, "user_id")?).or_default();
        payer.ordered = Fen::new(column(&row, "ordered")?);
    }
    for row in sqlx::query(PAID).bind(&asked).fetch_all(&mut *connection).await? {
        payers.entry(column(&row, "user_id")?).or_default().has_paid = true;
    }
    for row in sqlx::query(FIRST).bind(&asked).fetch_all(&mut *connection).await? {
        let row = Row::of("first_bonuses", &["user_id"], &row);
        let number = row.parse("out_trade_no", OutTradeNo::parse)?;
        payers.entry(row.get("user_id")?).or_default().first = Some(number);
    }
    Ok(payers)
}

#[derive(Serialize)]
struct First<'a> {
    u: &'a str,
    n: &'a str,
}

const GIVE_UP: &str =
    "DELETE FROM first_bonuses WHERE out_trade_no IN (SELECT j.value->>'n' FROM jsonb_each($1) AS j)";

// `WHERE true` tells SQLite's parser that ON is not of a join.
const TAKE: &str = "INSERT INTO first_bonuses (user_id, out_trade_no) SELECT j.value->>'u', j.value->>'n' \
     FROM jsonb_each($1) AS j WHERE true ON CONFLICT DO NOTHING";

/// Writes which orders carry the bonus for the first one, and looks at the day's limits again. `false`: another instance was
/// faster, so the batch must be rolled back. Behind [`super::WriteTransaction::lock_users`] this is the last word.
pub(super) async fn store(connection: &mut Connection, batch: &Batch<'_>) -> Result<bool, DbError> {
    let given: Vec<_> = batch.gave_up().map(|order| Key { n: order.out_trade_no.as_str() }).collect();
    bulk::write(connection, GIVE_UP, &given).await?;
    let taken: Vec<_> =
        batch.carry().map(|order| First { u: &order.user.id, n: order.out_trade_no.as_str() }).collect();
    if bulk::write(connection, TAKE, &taken).await? != taken.len() as u64 {
        return Ok(false);
    }
    Ok(!is_over_day(connection, &batch.day_limits).await?)
}

async fn is_over_day(connection: &mut Connection, limits: &[DayLimit]) -> Result<bool, DbError> {
    if limits.is_empty() {
        return Ok(false);
    }
    // Of several orders of one user the last limit counts: they are of one moment and one setting.
    let asked: BTreeMap<_, _> = limits
        .iter()
        .map(|limit| {
            let (n, m) = (limit.user_id.as_str(), Some(limit.most.get()));
            (n, Asked { n, f: limit.from.get(), t: limit.now.get(), m })
        })
        .collect();
    let asked = bulk::json(&asked.into_values().collect::<Vec<_>>())?;
    Ok(sqlx::query(OVER).bind(asked).fetch_optional(connection).await?.is_some())
}
