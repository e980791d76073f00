//! Count and sums of what a filter selects: exact where the sums of days allow it, else of so many orders, in plain sight.

use wxpay::bill::BillDate;
use wxpay::{Fen, UnixMillis};

use super::order_filter::{Filter, Sort, Span, State};
use super::walk::Walk;
use super::{Db, DbError, column, days};

/// Totals look at no more orders than this; a page then says "10,000+".
pub const TOTALS_CAP: i64 = 10_000;

/// A figure, and whether it is only the least that it can be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figure<T> {
    pub value: T,
    pub is_least: bool,
}

/// Count and sums of a filter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    pub orders: Figure<i64>,
    /// Of the paid ones.
    pub paid: Figure<Fen>,
    /// Of the payments of these orders, arrived or on its way.
    pub refunded: Figure<Fen>,
}

/// Of many orders no more refunds than this are looked at.
pub(super) const REFUNDS_CAP: i64 = 1_000;
/// A refund is asked for after its order was placed and paid; clocks of instances may differ by less than this.
const CLOCKS_MS: i64 = 24 * 60 * 60 * 1000;

/// What is added up of each order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// Orders that are not paid: they are only counted, so that an index alone serves.
    Unpaid,
    Paid,
    /// The refunds of each order besides.
    Refunded,
}

/// The statement that adds up what `walk` finds, [`TOTALS_CAP`] and one more at most.
pub(super) fn statement(walk: &Walk, of: Of) -> String {
    const FEN: &str = "CASE WHEN state = 'paid' THEN total_fee ELSE 0 END";
    const BACK: &str = "CASE WHEN state = 'paid' THEN (SELECT SUM(r.amount) FROM refunds AS r \
         WHERE r.out_trade_no = orders.out_trade_no AND r.transaction_id = orders.transaction_id \
         AND r.state <> 'closed') END";
    let (fen, back) = match of {
        Of::Unpaid => ("0", "0"),
        Of::Paid => (FEN, "0"),
        Of::Refunded => (FEN, BACK),
    };
    format!(
        "SELECT COUNT(*) AS orders, CAST(COALESCE(SUM(fen), 0) AS BIGINT) AS paid_fen, \
         CAST(COALESCE(SUM(back), 0) AS BIGINT) AS refunded_fen FROM ({}) AS counted",
        walk.rows_sql(&format!("{fen} AS fen, {back} AS back"), true, TOTALS_CAP + 1)
    )
}

/// Count and sums of a filter.
///
/// # Errors
/// [`DbError`].
pub async fn totals(db: &Db, filter: &Filter) -> Result<Totals, DbError> {
    let by_days = by_days(db, filter).await?;
    let (walk, leads) = filter.walk(db).await?;
    let knows_many = by_days.orders.is_some_and(|orders| orders > TOTALS_CAP);
    if let (Some(orders), Some(paid), true) = (by_days.orders, by_days.paid, knows_many) {
        let refunded = of_refunds(db, walk, filter.own_span().from).await?;
        return Ok(Totals { orders: exactly(orders), paid: exactly(paid), refunded });
    }
    let (walk, edge) = walk.ended(db, true, Some(TOTALS_CAP)).await?;
    let of = match (filter.is_of_unpaid(), knows_many || edge.is_some()) {
        (true, _) => Of::Unpaid,
        (false, true) => Of::Paid,
        (false, false) => Of::Refunded,
    };
    let row = walk.query(&statement(&walk, of)).fetch_one(&mut *db.reading().await?).await?;
    let counted: i64 = column(&row, "orders")?;
    let is_least = edge.is_some() || leads.is_cut || counted > TOTALS_CAP;
    let fen = |name| Ok::<_, DbError>(Figure { value: Fen::new(column(&row, name)?), is_least });
    let refunded = match of {
        Of::Paid => {
            let since = edge.map(|(at, _)| at).or(filter.own_span().from);
            let of_those = of_refunds(db, walk, since).await?;
            Figure { is_least: of_those.is_least || is_least, ..of_those }
        }
        Of::Unpaid | Of::Refunded => fen("refunded_fen")?,
    };
    let figure = |known: Option<i64>, least| known.map_or(Figure { value: least, is_least }, exactly);
    Ok(Totals {
        orders: figure(by_days.orders, counted.min(TOTALS_CAP)),
        paid: by_days.paid.map_or(fen("paid_fen")?, exactly),
        refunded,
    })
}

fn exactly<T>(value: T) -> Figure<T> {
    Figure { value, is_least: false }
}

/// What the sums of days say exactly of a filter.
#[derive(Debug, Clone, Copy, Default)]
struct ByDays {
    orders: Option<i64>,
    paid: Option<Fen>,
}

/// The sums of days know orders by the day of placing, and payments by the day of paying, and nothing else of them.
async fn by_days(db: &Db, filter: &Filter) -> Result<ByDays, DbError> {
    let is_plain = *filter
        == Filter {
            states: filter.states.clone(),
            sort: filter.sort,
            placed: filter.placed,
            paid: filter.paid,
            ..Filter::default()
        };
    let of_paid = filter.states == [State::Paid];
    let other = match filter.sort {
        Sort::Placed => filter.paid,
        Sort::Paid => filter.placed,
    };
    let own = filter.own_span();
    let days = whole_days(own).filter(|_| is_plain && other.is_open());
    let Some((from, to)) = days.filter(|_| filter.states.is_empty() || of_paid) else {
        return Ok(ByDays::default());
    };
    let sums = days::sums(db, &from, &to).await?;
    let (orders, paid) = (Some(sums.orders), Some(Fen::new(sums.paid_fen)));
    Ok(match (filter.sort, own.is_open()) {
        (Sort::Paid, _) => ByDays { orders: Some(sums.paid), paid },
        // Of all orders, those that were paid were paid on some day.
        (Sort::Placed, true) if of_paid => ByDays { orders: Some(sums.paid), paid },
        (Sort::Placed, true) => ByDays { orders, paid },
        // What was paid of the orders of some days may have been paid on others.
        (Sort::Placed, false) if of_paid => ByDays::default(),
        (Sort::Placed, false) => ByDays { orders, paid: None },
    })
}

/// What was refunded of the many orders of `walk`, none of which is from before `since`: by the refunds from then on.
async fn of_refunds(db: &Db, mut walk: Walk, since: Option<UnixMillis>) -> Result<Figure<Fen>, DbError> {
    let since = since.map_or(0, |since| since.plus_ms(-CLOCKS_MS).get());
    let sql = refunds_statement(&mut walk, since);
    let row = walk.query(&sql).fetch_one(&mut *db.reading().await?).await?;
    let looked: i64 = column(&row, "looked")?;
    Ok(Figure { value: Fen::new(column(&row, "refunded_fen")?), is_least: looked > REFUNDS_CAP })
}

/// The statement that adds up what was refunded of the orders of `walk` from `since` on, in Unix milliseconds: it looks at
/// [`REFUNDS_CAP`] refunds and one more at most.
pub(super) fn refunds_statement(walk: &mut Walk, since: i64) -> String {
    let since = walk.number(since);
    format!(
        "SELECT COUNT(*) AS looked, CAST(COALESCE(SUM(CASE WHEN orders.out_trade_no IS NOT NULL THEN back END), 0) AS BIGINT) \
         AS refunded_fen FROM (SELECT out_trade_no AS number, transaction_id AS payment, \
         CASE WHEN state <> 'closed' THEN amount ELSE 0 END AS back FROM refunds WHERE requested_at >= {since} \
         ORDER BY requested_at, out_refund_no LIMIT {}) AS first \
         LEFT JOIN orders ON orders.out_trade_no = first.number AND orders.transaction_id = first.payment AND {}",
        REFUNDS_CAP + 1,
        walk.conditions()
    )
}

/// The first and the last day of a span, `yyyyMMdd`, if it is of whole days.
fn whole_days(span: Span) -> Option<(String, String)> {
    let is_midnight = |at: UnixMillis| BillDate::of(at).start() == at;
    let first = match span.from {
        None => "00000000".to_owned(),
        Some(from) => is_midnight(from).then(|| BillDate::of(from).to_string())?,
    };
    let last = match span.to {
        None => "99999999".to_owned(),
        Some(to) => is_midnight(to).then(|| BillDate::of(to).previous().to_string())?,
    };
    Some((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_days_are_added_up_from_the_sums_of_days() {
        let at = |text| UnixMillis::from_beijing(text);
        let table = [
            (None, None, Some(("00000000", "99999999"))),
            (at("20260301000000"), at("20260401000000"), Some(("20260301", "20260331"))),
            (at("20260301000000"), None, Some(("20260301", "99999999"))),
            (at("20260301000001"), None, None),
            (None, at("20260301120000"), None),
        ];
        for (from, to, days) in table {
            let days = days.map(|(first, last)| (first.to_owned(), last.to_owned()));
            assert_eq!(whole_days(Span { from, to }), days);
        }
    }
}
