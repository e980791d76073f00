//! Orders that raise no balance: what a site sells by 易支付. Paid like any other, they leave the ledger alone, and the site is told.

use wxpay::UnixMillis;

use super::Batch;
use crate::event::EventDetail;
use crate::order::Order;

impl Batch<'_> {
    /// The order was paid, or its late payment taken after all: from now on the site that sold it is owed a notice.
    pub(super) fn sell(&mut self, order: &Order, now: UnixMillis) {
        let number = &order.out_trade_no;
        self.event(number, now, EventDetail::Sold { total_fee: order.total_fee });
        self.sold.extend(order.reference().map(|reference| (reference.clone(), now)));
        self.tell_paid(number, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Acting;
    use crate::batch::{Apply as _, Context};
    use crate::command::{CreditPayment, Outcome, RequestRefund, ResolveException};
    use crate::epay::Pid;
    use crate::event_type::EventType;
    use crate::exception::resolution::{Decision, ResolutionRefusal};
    use crate::exception::{Exception, ExceptionKind};
    use crate::fixtures::{NOW, PLACED, exception, new_order, payment, rules};
    use crate::order::{ByKey, LatePayment, NewOrder, Rules, Source};
    use crate::refund::RefundRequest;
    use crate::spend::Metadata;
    use wxpay::{Fen, OutRefundNo, Payment};

    fn sale() -> Order {
        let reference = Pid::FIRST.reference("USR1NOabc").unwrap();
        let by_key = ByKey {
            key: Pid::FIRST.maker(),
            reference: Some(reference),
            metadata: Metadata::default(),
            return_url: None,
        };
        let new = NewOrder { bonus: Fen::ZERO, ..new_order() };
        Order::new(new, PLACED, [7; 26]).unwrap().made_by_key(by_key)
    }

    fn paid_by(payment: Payment) -> CreditPayment {
        CreditPayment { payment, source: Source::Notice { from: "203.0.113.41".to_owned() }, now: NOW }
    }

    fn late() -> Payment {
        Payment { time_end: sale().time_expire.plus_ms(1_000), ..payment() }
    }

    /// No balance may hear of it, whatever happens to the order.
    fn assert_no_balance_moves(batch: &Batch<'_>) {
        assert!(batch.ledger.is_empty() && batch.accounts.is_empty(), "{:?}", batch.ledger);
    }

    #[test]
    fn a_sale_that_is_paid_moves_no_balance_and_its_site_is_owed_one_notice() {
        let rules = rules();
        let mut batch = Batch::new(&rules, vec![sale()]);
        assert_eq!(paid_by(payment()).apply(&mut batch), Outcome::Credited { late: false });
        assert_eq!(paid_by(payment()).apply(&mut batch), Outcome::AlreadyPaid);
        assert_no_balance_moves(&batch);
        assert_eq!(batch.sold, [(sale().reference().unwrap().clone(), NOW)]);
        let order = &batch.orders.values().next().unwrap().order;
        assert_eq!(
            (order.state.name(), order.credit(), order.raises_balance()),
            ("paid", Some(Fen::ZERO), false)
        );
        batch.settle(&std::collections::HashMap::new()).unwrap();
        let [event] = &batch.outbox[..] else { panic!("{:?}", batch.outbox) };
        assert!(event.kind == EventType::RechargePaid && event.data.balance.is_none());
        assert_eq!(event.data.recharge.as_ref().unwrap().credited, Fen::ZERO);
    }

    #[test]
    fn a_late_payment_of_a_sale_is_sold_or_goes_back_as_the_setting_says() {
        let rules = rules();
        let mut batch = Batch::new(&rules, vec![sale()]);
        assert_eq!(paid_by(late()).apply(&mut batch), Outcome::Credited { late: true });
        assert_eq!(batch.sold.len(), 1);
        assert_no_balance_moves(&batch);
        let rules = Rules { late_payment: LatePayment::Refund, ..rules.clone() };
        let mut batch = Batch::new(&rules, vec![sale()]);
        assert_eq!(paid_by(late()).apply(&mut batch), Outcome::KeptForRefund);
        assert_eq!((batch.sold.len(), batch.context.refunds.len()), (0, 1));
        assert_no_balance_moves(&batch);
    }

    #[test]
    fn a_payment_that_does_not_fit_a_sale_tells_the_site_nothing_and_goes_back_to_its_payer_only() {
        let rules = rules();
        let mut batch = Batch::new(&rules, vec![sale()]);
        let other = Payment { total_fee: Fen::new(1), ..payment() };
        assert!(matches!(paid_by(other).apply(&mut batch), Outcome::Exception { .. }));
        assert!(batch.sold.is_empty());
        let kept = Exception { total_fee: Fen::new(1), ..exception(ExceptionKind::AmountMismatch) };
        let resolve = |decision| ResolveException {
            id: kept.id(),
            decision,
            by: Acting::operator("lin", "console"),
            seen_version: None,
            now: NOW,
        };
        let batch =
            || Batch::new(&rules, vec![sale()]).with_context(Context::new(Vec::new(), vec![kept.clone()]));
        let credit = Decision::Credit { user: None, new_account: true, reason: "看过".to_owned() };
        let mut credited = batch();
        let refused = resolve(credit).apply(&mut credited);
        assert!(matches!(refused, Err(ResolutionRefusal::NotThisWay(_))), "{refused:?}");
        assert_no_balance_moves(&credited);
        let out_refund_no = OutRefundNo::parse("RF1").unwrap();
        let mut refunded = batch();
        let refund = Decision::Refund { out_refund_no, reason: "退回".to_owned() };
        assert!(resolve(refund).apply(&mut refunded).is_ok());
        assert_no_balance_moves(&refunded);
    }

    #[test]
    fn a_refund_of_a_sale_takes_nothing_from_any_balance() {
        let rules = rules();
        let mut batch = Batch::new(&rules, vec![sale()]);
        paid_by(payment()).apply(&mut batch);
        let request = RefundRequest {
            out_trade_no: sale().out_trade_no,
            out_refund_no: OutRefundNo::parse("RF1").unwrap(),
            amount: Fen::new(1990),
            reason: "退款".to_owned(),
            even_if_balance_low: false,
            reference: None,
            exception: None,
            seen_version: None,
        };
        let by = Acting::operator("lin", "console");
        let refund = RequestRefund { request, by, now: NOW }.apply(&mut batch).unwrap().refund;
        assert_eq!((refund.amount, refund.taken), (Fen::new(1990), Fen::ZERO));
        assert_no_balance_moves(&batch);
    }
}
