//! What a site grants and allows beside the price, and the bonus that one order of an account may carry.

use wxpay::{Fen, UnixMillis};

use super::Order;
use crate::price;

/// As the site's settings are at the moment of ordering.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Terms {
    /// The most that one user may order in a Beijing day, in fen; `None`: no limit.
    pub most_per_day: Option<Fen>,
    /// What is added to the first order of an account, in fen; zero: nothing.
    pub first_bonus: Fen,
}

impl Terms {
    /// Whether nothing has to be known of the user's other orders.
    pub fn are_plain(&self) -> bool {
        *self == Terms::default()
    }
}

/// The beginning of the Beijing day that `at` is in.
pub fn day_start(at: UnixMillis) -> UnixMillis {
    let mut day = at.to_beijing();
    day.truncate(8);
    UnixMillis::from_beijing(&format!("{day}000000")).unwrap_or(at)
}

impl Order {
    /// The order with the bonus for the first order of an account; `None` if that is nothing or too much.
    pub(crate) fn with_first_bonus(&self, first_bonus: Fen) -> Option<Order> {
        let bonus = self.bonus.checked_add(first_bonus)?;
        let fits = first_bonus > Fen::ZERO && price::check(self.total_fee, bonus).is_ok();
        fits.then(|| Order { bonus, first_bonus, ..self.clone() })
    }

    /// The order without that bonus, so that another can carry it.
    pub(super) fn without_first_bonus(self) -> Order {
        let bonus = self.bonus.checked_sub(self.first_bonus).unwrap_or(Fen::ZERO);
        Order { bonus, first_bonus: Fen::ZERO, ..self }
    }

    /// The bonus that comes with the amount alone.
    pub(super) fn bonus_of_amount(&self) -> Fen {
        self.bonus.checked_sub(self.first_bonus).unwrap_or(Fen::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{NOW, order, payment, rules};
    use crate::order::{Proof, Verdict};

    #[test]
    fn a_day_begins_at_midnight_in_beijing() {
        let at = |text| UnixMillis::from_beijing(text).unwrap();
        assert_eq!(day_start(at("20261121000000")), at("20261121000000"));
        assert_eq!(day_start(at("20261121235959")), at("20261121000000"));
        assert_eq!(day_start(at("20261122000000")), at("20261122000000"));
    }

    #[test]
    fn an_order_that_ends_unpaid_gives_the_first_bonus_up_and_a_late_payment_is_credited_without_it() {
        let carries = order().with_first_bonus(Fen::new(300)).unwrap();
        assert_eq!(
            (carries.bonus, carries.first_bonus),
            (Fen::new(order().bonus.get() + 300), Fen::new(300))
        );
        assert_eq!(carries.open_key(), order().open_key(), "a second press finds it");
        for ended in [carries.closed(NOW), carries.cancelled(NOW), carries.superseded()] {
            let ended = ended.unwrap();
            assert_eq!((ended.bonus, ended.first_bonus), (order().bonus, Fen::ZERO));
        }
        let late = match carries.closed(NOW).unwrap().judge(&payment(), Proof::Notice, &rules(), NOW) {
            Verdict::Credit(paid) => carries.closed(NOW).unwrap().paid(paid).unwrap(),
            other => panic!("{other:?}"),
        };
        assert_eq!(late.credit(), order().credit());
        let Verdict::Credit(paid) = carries.judge(&payment(), Proof::Notice, &rules(), NOW) else {
            panic!("a payment in its time is credited")
        };
        assert_eq!(carries.paid(paid).unwrap().first_bonus, Fen::new(300));
    }

    #[test]
    fn a_first_bonus_of_nothing_or_too_much_is_none() {
        for fen in [0, -1, price::MOST_FEE.get(), i64::MAX] {
            assert_eq!(order().with_first_bonus(Fen::new(fen)), None, "{fen}");
        }
    }
}
