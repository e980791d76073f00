//! Optimistic concurrency across a page: a form carries the version of what its page was made from, and is refused once that
//! has moved.

use crate::order::Order;
use crate::refund::{Refund, RefundState};

/// The version of everything that a decision about the payments of one order number depends on: it rises with every change
/// of the order, and with every refund of the number that is written or ends closed. Each part only ever rises, so two equal
/// versions mean that nothing happened in between. `order` is `None` for money without an order.
pub fn of<'r>(order: Option<&Order>, refunds: impl Iterator<Item = &'r Refund>) -> i64 {
    let steps = |refund: &Refund| if refund.state == RefundState::Closed { 2 } else { 1 };
    order.map_or(0, |order| order.version) + refunds.map(steps).sum::<i64>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{order, refund};

    #[test]
    fn the_version_rises_with_the_order_with_each_refund_and_with_one_that_closes() {
        let (placed, open) = (order(), refund());
        let closed = Refund { state: RefundState::Closed, ..open.clone() };
        let versions = [
            of(None, [].iter()),
            of(Some(&placed), [].iter()),
            of(Some(&placed.touched()), [].iter()),
            of(Some(&placed.touched()), [open.clone()].iter()),
            of(Some(&placed.touched()), [closed.clone()].iter()),
            of(Some(&placed.touched()), [closed, open].iter()),
        ];
        assert!(versions.is_sorted_by(|earlier, later| earlier < later), "{versions:?}");
    }

    #[test]
    fn a_refund_that_only_moves_forward_leaves_forms_valid() {
        let steps = [RefundState::Requested, RefundState::Submitted, RefundState::Succeeded];
        let versions = steps.map(|state| of(None, [Refund { state, ..refund() }].iter()));
        assert_eq!(versions, [1; 3]);
    }
}
