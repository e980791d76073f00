//! How payments come: by the hour, and how long payers and the way to the balance take.

use wxpay::bill::BillDate;
use wxpay::{Fen, UnixMillis};

use super::{Db, DbError, column};

/// The most payments of a day that are added up by the hour: an overview must not read all of a large site's day.
pub const HOURS_CAP: i64 = 100_000;

/// The payments whose times are looked at, the newest.
const SAMPLE: i64 = 1_000;

const HOUR_MS: i64 = 60 * 60 * 1000;

/// One hour of a day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hour {
    pub payments: i64,
    pub fen: Fen,
}

/// The 24 hours of a day in Beijing time, of its newest [`HOURS_CAP`] payments.
///
/// # Errors
/// [`DbError`].
pub async fn by_hour(db: &Db, day: BillDate) -> Result<[Hour; 24], DbError> {
    const HOURS: &str = "SELECT (paid_at - $1) / $3 AS hour, COUNT(*) AS payments, CAST(SUM(total_fee) AS BIGINT) AS fen FROM \
         (SELECT paid_at, total_fee FROM orders WHERE paid_at IS NOT NULL AND paid_at >= $1 AND paid_at < $2 \
         ORDER BY paid_at DESC, out_trade_no DESC LIMIT $4) AS payments GROUP BY 1";
    let rows = sqlx::query(HOURS)
        .bind(day.start().get())
        .bind(day.next().start().get())
        .bind(HOUR_MS)
        .bind(HOURS_CAP)
        .fetch_all(&mut *db.reading().await?)
        .await?;
    let mut hours = [Hour::default(); 24];
    for row in &rows {
        let hour = usize::try_from(column::<i64>(row, "hour")?).unwrap_or(usize::MAX);
        if let Some(hour) = hours.get_mut(hour) {
            *hour = Hour { payments: column(row, "payments")?, fen: Fen::new(column(row, "fen")?) };
        }
    }
    Ok(hours)
}

/// Adds a payment to its hour; nothing if it is of another day.
pub fn add(hours: &mut [Hour; 24], day: BillDate, paid_at: UnixMillis, total_fee: Fen) {
    let since = paid_at.get() - day.start().get();
    if let Some(hour) = usize::try_from(since.div_euclid(HOUR_MS)).ok().and_then(|hour| hours.get_mut(hour)) {
        hour.payments += 1;
        hour.fen = Fen::new(hour.fen.get().saturating_add(total_fee.get()));
    }
}

/// Half of the payments took no longer, and nine of ten.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Took {
    pub half_ms: i64,
    pub most_ms: i64,
}

impl Took {
    fn of(mut ms: Vec<i64>) -> Option<Took> {
        ms.sort_unstable();
        let at = |part: usize| ms.get((ms.len() * part / 10).min(ms.len().saturating_sub(1))).copied();
        Some(Took { half_ms: at(5)?, most_ms: at(9)? })
    }
}

/// How long things took lately; `None` without payments.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pace {
    /// From the order to the payment.
    pub to_pay: Option<Took>,
    /// From the payment, which WeChat states in whole seconds, to the balance.
    pub to_credit: Option<Took>,
}

/// The pace of the newest payments since `from`, a thousand at most.
///
/// # Errors
/// [`DbError`].
pub async fn lately(db: &Db, from: UnixMillis) -> Result<Pace, DbError> {
    const NEWEST: &str = "SELECT created_at, paid_at, credited_at FROM orders WHERE paid_at IS NOT NULL AND paid_at >= $1 \
         ORDER BY paid_at DESC, out_trade_no DESC LIMIT $2";
    let query = sqlx::query(NEWEST).bind(from.get()).bind(SAMPLE);
    let rows = query.fetch_all(&mut *db.reading().await?).await?;
    let (mut to_pay, mut to_credit) = (Vec::new(), Vec::new());
    for row in &rows {
        let (created, paid): (i64, i64) = (column(row, "created_at")?, column(row, "paid_at")?);
        to_pay.push((paid - created).max(0));
        if let Some(credited) = column::<Option<i64>>(row, "credited_at")? {
            to_credit.push((credited - paid).max(0));
        }
    }
    Ok(Pace { to_pay: Took::of(to_pay), to_credit: Took::of(to_credit) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payment_counts_in_the_hour_of_its_day_and_in_no_other() {
        let day = BillDate::of(UnixMillis::from_beijing("20261203000000").unwrap());
        let mut hours = [Hour::default(); 24];
        for at in ["20261202235959", "20261203000000", "20261203005959", "20261203230000", "20261204000000"] {
            add(&mut hours, day, UnixMillis::from_beijing(at).unwrap(), Fen::new(100));
        }
        let counted: Vec<_> = hours.iter().map(|hour| hour.payments).collect();
        assert_eq!((counted[0], counted[23], counted.iter().sum::<i64>()), (2, 1, 3));
        assert_eq!(hours[0].fen, Fen::new(200));
    }

    #[test]
    fn half_and_nine_of_ten_are_times_that_were_taken() {
        assert_eq!(Took::of(Vec::new()), None);
        assert_eq!(Took::of(vec![7]), Some(Took { half_ms: 7, most_ms: 7 }));
        let ten = (1..=10).rev().collect();
        assert_eq!(Took::of(ten), Some(Took { half_ms: 6, most_ms: 10 }));
    }
}
