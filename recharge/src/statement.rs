//! The statement of a month for the accountant: what came in and went back at WeChat, and how balances moved, day by day.

use std::collections::BTreeMap;

use wxpay::Fen;
use wxpay::bill::BillDate;

use crate::ledger::DaySums;

/// Why a balance moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Motion {
    /// A payment and its bonus.
    Credit,
    /// What a refund took.
    Refund,
    /// What came back because a refund ended closed.
    RefundReturned,
    /// What the site took.
    Debit,
    /// What the site gave back of a debit.
    Reversal,
    /// What an operator added or took.
    Grant,
    /// A row that the site wrote itself.
    Other,
}

impl Motion {
    /// The kind of rows whose key begins with this word.
    pub fn of(word: &str) -> Motion {
        match word {
            "credit" => Motion::Credit,
            "refund" => Motion::Refund,
            "refund-returned" => Motion::RefundReturned,
            "debit" => Motion::Debit,
            "reversal" => Motion::Reversal,
            "grant" => Motion::Grant,
            _ => Motion::Other,
        }
    }
}

/// Sums that no ledger can have: they do not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sums of {day} do not fit")]
pub struct Overflow {
    /// Which day.
    pub day: BillDate,
}

/// One day. Every sum is as the balance saw it: negative where it fell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day {
    /// Which day.
    pub day: BillDate,
    /// Payments at WeChat.
    pub payments: i64,
    /// What those came to.
    pub received: Fen,
    /// Refunds that arrived at payers.
    pub refunds: i64,
    /// What those came to.
    pub refunded: Fen,
    /// All balances together before the day's first row.
    pub opening: Fen,
    /// Payments and bonuses.
    pub credited: Fen,
    /// What refunds took, less what came back.
    pub taken_back: Fen,
    /// What the site spent, less what it gave back.
    pub spent: Fen,
    /// What operators granted, and rows of the site's own.
    pub adjusted: Fen,
    /// All balances together after the day's last row.
    pub closing: Fen,
}

/// What is known of a day: its sums at WeChat, and the ledger's by kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Which day.
    pub day: BillDate,
    /// At WeChat.
    pub sums: DaySums,
    /// In the ledger.
    pub motions: BTreeMap<Motion, Fen>,
}

/// The days of a statement: each begins with what the one before ended with.
///
/// # Errors
/// [`Overflow`].
pub fn days(opening: Fen, known: &[Known]) -> Result<Vec<Day>, Overflow> {
    let mut opening = opening;
    let mut days = Vec::with_capacity(known.len());
    for Known { day, sums, motions } in known {
        let of = |kinds: &[Motion]| {
            let fen = kinds.iter().filter_map(|kind| motions.get(kind));
            fen.copied().try_fold(Fen::ZERO, Fen::checked_add).ok_or(Overflow { day: *day })
        };
        let credited = of(&[Motion::Credit])?;
        let taken_back = of(&[Motion::Refund, Motion::RefundReturned])?;
        let spent = of(&[Motion::Debit, Motion::Reversal])?;
        let adjusted = of(&[Motion::Grant, Motion::Other])?;
        let moved = [credited, taken_back, spent, adjusted];
        let closing = moved.into_iter().try_fold(opening, Fen::checked_add).ok_or(Overflow { day: *day })?;
        days.push(Day {
            day: *day,
            payments: sums.paid,
            received: Fen::new(sums.paid_fen),
            refunds: sums.refunds,
            refunded: Fen::new(sums.refunded_fen),
            opening,
            credited,
            taken_back,
            spent,
            adjusted,
            closing,
        });
        opening = closing;
    }
    Ok(days)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::LedgerKey;

    #[test]
    fn each_day_ends_with_what_it_began_with_and_what_moved() {
        let day = |text| BillDate::parse(text).unwrap();
        let fen = |kind, fen| (kind, Fen::new(fen));
        let first = Known {
            day: day("20260301"),
            sums: DaySums { paid: 2, paid_fen: 300, ..DaySums::default() },
            motions: [fen(Motion::Credit, 330), fen(Motion::Debit, -100), fen(Motion::Reversal, 20)].into(),
        };
        let second = Known {
            day: day("20260302"),
            sums: DaySums { refunds: 1, refunded_fen: 50, ..DaySums::default() },
            motions: [
                fen(Motion::Refund, -80),
                fen(Motion::RefundReturned, 30),
                fen(Motion::Grant, -7),
                fen(Motion::Other, 2),
            ]
            .into(),
        };
        let days = days(Fen::new(1000), &[first, second]).unwrap();
        let sums = |day: &Day| {
            [day.opening, day.credited, day.taken_back, day.spent, day.adjusted, day.closing].map(Fen::get)
        };
        assert_eq!(sums(&days[0]), [1000, 330, 0, -80, 0, 1250]);
        assert_eq!(sums(&days[1]), [1250, 0, -50, 0, -5, 1195]);
        assert_eq!((days[0].received.get(), days[1].refunded.get()), (300, 50));
    }

    #[test]
    fn the_words_are_those_of_the_ledger() {
        for (key, motion) in [
            (LedgerKey::CREDIT, Motion::Credit),
            (LedgerKey::CREDIT_OF, Motion::Credit),
            (LedgerKey::REFUND, Motion::Refund),
            (LedgerKey::REFUND_RETURNED, Motion::RefundReturned),
            (LedgerKey::DEBIT, Motion::Debit),
            (LedgerKey::REVERSAL, Motion::Reversal),
            (LedgerKey::GRANT, Motion::Grant),
            ("by the site", Motion::Other),
        ] {
            assert_eq!(Motion::of(key.trim_end()), motion);
        }
    }

    #[test]
    fn sums_that_do_not_fit_are_refused() {
        let day = BillDate::parse("20260301").unwrap();
        let motions = [(Motion::Credit, Fen::new(1))].into();
        let known = Known { day, sums: DaySums::default(), motions };
        assert_eq!(days(Fen::new(i64::MAX), &[known]), Err(Overflow { day }));
    }
}
