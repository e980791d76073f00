//! The refunds of an order's payment, added up.

use recharge::refund::{Refund, RefundState};
use recharge::{Order, OrderState};
use wxpay::Fen;

use crate::text::{Text, state};

/// The refunds of the order's own payment; those that closed unpaid do not count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RefundSummary {
    /// Requested, arrived or not.
    pub amount: Fen,
    pub arrived: Fen,
    /// Debited from the balance for it.
    pub taken: Fen,
    /// Nothing of the payment is left.
    pub is_whole: bool,
}

impl RefundSummary {
    pub fn of(order: &Order, refunds: &[Refund]) -> RefundSummary {
        let OrderState::Paid(paid) = &order.state else { return RefundSummary::default() };
        let counted = || {
            let own = refunds.iter().filter(|refund| refund.transaction_id == paid.transaction_id);
            own.filter(|refund| refund.state != RefundState::Closed)
        };
        let arrived = counted().filter(|refund| refund.state == RefundState::Succeeded);
        let amount = sum(counted().map(|refund| refund.amount));
        RefundSummary {
            amount,
            arrived: sum(arrived.map(|refund| refund.amount)),
            taken: sum(counted().map(|refund| refund.taken)),
            is_whole: amount >= order.total_fee,
        }
    }

    pub fn is_any(&self) -> bool {
        self.amount > Fen::ZERO
    }

    pub fn is_under_way(&self) -> bool {
        self.arrived < self.amount
    }

    /// The state's word and tone; `None` without a refund.
    pub fn word(&self) -> Option<(Text, Option<&'static str>)> {
        match (self.is_any(), self.is_under_way(), self.is_whole) {
            (false, ..) => None,
            (_, true, _) => Some((state::REFUNDING, Some("open"))),
            (_, _, true) => Some((state::REFUNDED, None)),
            _ => Some((state::PART_REFUNDED, None)),
        }
    }
}

fn sum(amounts: impl Iterator<Item = Fen>) -> Fen {
    amounts.fold(Fen::ZERO, |sum, amount| sum.checked_add(amount).unwrap_or(sum))
}
