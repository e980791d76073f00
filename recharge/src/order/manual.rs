//! Transitions of an order by an operator's decision about its money.

use wxpay::{TransactionId, UnixMillis};

use super::{Order, OrderState, Paid};

impl Order {
    /// The order after an operator credited its late payment, which the rule had kept for a refund. Requires: paid and not
    /// credited; else `None`.
    pub fn credited_by_hand(&self, now: UnixMillis) -> Option<Order> {
        match &self.state {
            OrderState::Paid(paid) if paid.credited_at.is_none() => {
                let paid = Paid { credited_at: Some(now), ..paid.clone() };
                Some(Order { state: OrderState::Paid(paid), ..self.touched() })
            }
            _ => None,
        }
    }

    /// The order after an operator credited or gave back a payment that did not fit it: it is closed, and a proof of that
    /// payment with the right amount would be the same money a second time. Requires: not paid and no such payment yet; else
    /// `None`.
    pub fn resolved_by_hand(&self, transaction_id: &TransactionId, now: UnixMillis) -> Option<Order> {
        if matches!(self.state, OrderState::Paid(_)) || self.by_hand.is_some() {
            return None;
        }
        let order = self.closed(now).unwrap_or_else(|| self.touched());
        Some(Order { by_hand: Some(transaction_id.clone()), ..order })
    }

    /// The same order with a higher version: money that belongs to it is about to move, and a decision that was made on the
    /// version before must be made again.
    pub fn touched(&self) -> Order {
        Order { version: self.version + 1, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exception::ExceptionKind;
    use crate::fixtures::{order, payment, rules};
    use crate::order::{LatePayment, Proof, Rules, Verdict};
    use wxpay::Payment;

    fn transaction(text: &str) -> TransactionId {
        TransactionId::parse(text).unwrap()
    }

    /// An order whose payment `first` an operator settled.
    fn by_hand() -> Order {
        order().resolved_by_hand(&transaction("first"), order().created_at).unwrap()
    }

    fn verdict(order: &Order, transaction_id: &str) -> Verdict {
        let payment = Payment { transaction_id: transaction(transaction_id), ..payment() };
        order.judge(&payment, Proof::Query, &rules(), order.created_at)
    }

    #[test]
    fn a_payment_settled_by_hand_is_not_credited_again_and_another_one_is_a_duplicate() {
        let order = by_hand();
        assert_eq!(order.state.name(), "closed");
        assert_eq!(verdict(&order, "first"), Verdict::AlreadyPaid);
        assert_eq!(verdict(&order, "second"), Verdict::Exception(ExceptionKind::Duplicate));
    }

    #[test]
    fn an_order_is_settled_by_hand_once_and_never_when_it_is_paid() {
        assert_eq!(by_hand().resolved_by_hand(&transaction("second"), order().created_at), None);
        let Verdict::Credit(paid) = verdict(&order(), "first") else { panic!("the payment fits") };
        let paid = order().paid(paid).unwrap();
        assert_eq!(paid.resolved_by_hand(&transaction("second"), order().created_at), None);
    }

    #[test]
    fn a_late_payment_that_was_kept_is_credited_by_hand_once() {
        let refund = Rules { late_payment: LatePayment::Refund, ..rules() };
        let closed = order().closed(order().time_expire).unwrap();
        let verdict = closed.judge(&payment(), Proof::Query, &refund, order().time_expire);
        let Verdict::KeepForRefund(paid) = verdict else { panic!("{verdict:?}") };
        let kept = closed.paid(paid).unwrap();
        assert_eq!(closed.credited_by_hand(order().time_expire), None, "nothing is paid");
        let credited = kept.credited_by_hand(order().time_expire).unwrap();
        assert_eq!(credited.version, kept.version + 1);
        assert_eq!(credited.credited_by_hand(order().time_expire), None);
    }
}
