//! An order that is not offered any more, but not closed at WeChat yet.

use wxpay::UnixMillis;

use super::Order;

impl Order {
    /// The order after its site took it back: no page shows its code from now on, nobody who asks for the same amount gets it, and
    /// it is closed at WeChat once it may be. A payment until then counts like any other. Requires: created or pending, and
    /// not cancelled; else `None`.
    pub fn cancelled(&self, now: UnixMillis) -> Option<Order> {
        (self.is_offered()).then(|| Order {
            cancelled_at: Some(now),
            reusable: false,
            version: self.version + 1,
            ..self.clone().without_first_bonus()
        })
    }

    /// Whether payers are led to it: it is open, and was not cancelled.
    pub fn is_offered(&self) -> bool {
        self.is_open() && self.cancelled_at.is_none()
    }

    /// From when on it is to be closed at WeChat if it is not paid: when its time is up, or when it was cancelled.
    pub fn ends_at(&self) -> UnixMillis {
        self.cancelled_at.map_or(self.time_expire, |at| at.min(self.time_expire))
    }
}

#[cfg(test)]
mod tests {
    use crate::fixtures::{NOW, order, payment, rules};
    use crate::order::query_schedule::{is_past_expiry, next_query};
    use crate::order::{CLOSE_NOT_BEFORE_MS, Proof, Verdict};

    #[test]
    fn a_cancelled_order_is_offered_to_nobody_and_a_payment_of_it_counts() {
        let cancelled = order().cancelled(NOW).unwrap();
        assert!(order().is_offered() && !cancelled.is_offered() && cancelled.is_open());
        assert_eq!((cancelled.open_key(), cancelled.code_url()), (None, None));
        assert!(!cancelled.can_be_reused(NOW));
        assert_eq!(cancelled.cancelled(NOW), None);
        let Verdict::Credit(paid) = cancelled.judge(&payment(), Proof::Notice, &rules(), NOW) else {
            panic!("a payment in its time is credited")
        };
        assert!(!paid.late);
        assert_eq!(cancelled.paid(paid).unwrap().cancelled(NOW), None);
    }

    #[test]
    fn a_cancelled_order_is_closed_once_wechat_allows_it() {
        let cancelled = order().cancelled(NOW).unwrap();
        let soon = NOW.plus_ms(3_000);
        assert!(is_past_expiry(&cancelled, soon) && !is_past_expiry(&order(), soon));
        let closable = cancelled.created_at.plus_ms(CLOSE_NOT_BEFORE_MS);
        let mut at = soon;
        while at < closable {
            at = next_query(&cancelled, at, false).unwrap();
        }
        assert!(at.minus(closable) < 30_000, "{}", at.minus(closable));
    }
}
