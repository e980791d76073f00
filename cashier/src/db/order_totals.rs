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

const OF_ONE: &str = "CASE WHEN state = 'paid' THEN total_fee ELSE 0 END AS fen, \
     CASE WHEN state = 'paid' THEN (SELECT SUM(r.amount) FROM refunds AS r WHERE r.out_trade_no = orders.out_trade_no \
     AND r.transaction_id = orders.transaction_id AND r.state <> 'closed') END AS back";

/// The statement that adds up what `walk` finds, [`TOTALS_CAP`] and one more at most.
pub(super) fn statement(walk: &Walk) -> String {
    format!(
        "SELECT COUNT(*) AS orders, CAST(COALESCE(SUM(fen), 0) AS BIGINT) AS paid_fen, \
         CAST(COALESCE(SUM(back), 0) AS BIGINT) AS refunded_fen FROM ({}) AS counted",
        walk.rows_sql(OF_ONE, true, TOTALS_CAP + 1)
    )
}

/// Count and sums of a filter.
///
/// # Errors
/// [`DbError`].
pub async fn totals(db: &Db, filter: &Filter) -> Result<Totals, DbError> {
    let (walk, leads) = filter.walk(db).await?;
    let (walk, edge) = walk.ended(db, true, Some(TOTALS_CAP)).await?;
    let row = walk.query(&statement(&walk)).fetch_one(&mut *db.reading().await?).await?;
    let orders: i64 = column(&row, "orders")?;
    let is_least = edge.is_some() || leads.is_cut || orders > TOTALS_CAP;
    let fen = |name| Ok::<_, DbError>(Figure { value: Fen::new(column(&row, name)?), is_least });
    let counted = Totals {
        orders: Figure { value: orders.min(TOTALS_CAP), is_least },
        paid: fen("paid_fen")?,
        refunded: fen("refunded_fen")?,
    };
    if is_least { by_days(db, filter, counted).await } else { Ok(counted) }
}

/// The same with what the sums of days say exactly: they know orders by the day of placing, and payments by the day of paying.
async fn by_days(db: &Db, filter: &Filter, counted: Totals) -> Result<Totals, DbError> {
    let is_plain = *filter
        == Filter {
            states: filter.states.clone(),
            sort: filter.sort,
            placed: filter.placed,
            paid: filter.paid,
            ..Filter::default()
        };
    let (own, other) = match filter.sort {
        Sort::Placed => (filter.placed, filter.paid),
        Sort::Paid => (filter.paid, filter.placed),
    };
    let Some((from, to)) = whole_days(own).filter(|_| is_plain && other.is_open()) else {
        return Ok(counted);
    };
    let of_paid = filter.states == [State::Paid];
    if !filter.states.is_empty() && !of_paid {
        return Ok(counted);
    }
    let (mut orders, mut paid, mut fen) = (0_i64, 0_i64, 0_i64);
    for (_, sums) in days::list(db, &from, &to).await? {
        orders += sums.orders;
        paid += sums.paid;
        fen = fen.saturating_add(sums.paid_fen);
    }
    let exactly = |value| Figure { value, is_least: false };
    let fen = Figure { value: Fen::new(fen), is_least: false };
    Ok(match (filter.sort, own.is_open()) {
        (Sort::Paid, _) => Totals { orders: exactly(paid), paid: fen, ..counted },
        // Of all orders, those that were paid were paid on some day.
        (Sort::Placed, true) if of_paid => Totals { orders: exactly(paid), paid: fen, ..counted },
        (Sort::Placed, true) => Totals { orders: exactly(orders), paid: fen, ..counted },
        // What was paid of the orders of some days may have been paid on others.
        (Sort::Placed, false) if of_paid => counted,
        (Sort::Placed, false) => Totals { orders: exactly(orders), ..counted },
    })
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
