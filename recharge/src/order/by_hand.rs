//! What an operator's decision about money does to an order. Pure.

use wxpay::{TransactionId, UnixMillis};

use super::{Order, OrderState, Paid};

impl Order {
    /// The order after an operator credited its late payment, which the rule had kept for a refund; `None` if it is not
    /// paid, or credited already.
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
    /// payment with the right amount would be the same money a second time. `None` if it is paid or settled so already.
    pub fn settled_by_hand(&self, transaction_id: &TransactionId, now: UnixMillis) -> Option<Order> {
        if matches!(self.state, OrderState::Paid(_)) || self.by_hand.is_some() {
            return None;
        }
        let order = self.closed(now).unwrap_or_else(|| self.touched());
        Some(Order { by_hand: Some(transaction_id.clone()), ..order })
    }

    /// The same order, moved on: money that belongs to it is about to move, and whoever decides about that at the same
    /// time must decide again.
    pub fn touched(&self) -> Order {
        Order { version: self.version + 1, ..self.clone() }
    }
}
