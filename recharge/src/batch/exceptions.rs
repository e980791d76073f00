//! Keeps real money that does not fit as exceptions, with its evidence.

use wxpay::{Fen, OutTradeNo, Payment, TransactionId, UnixMillis};

use super::Batch;
use crate::command::Outcome;
use crate::event::{Event, EventDetail};
use crate::exception::{Exception, ExceptionId, ExceptionKind, Resolution};
use crate::order::OrderState;

impl Batch<'_> {
    /// Keeps real money that does not fit, with its evidence.
    pub(super) fn keep(&mut self, payment: &Payment, kind: ExceptionKind, now: UnixMillis) -> Outcome {
        let expected = self.orders.get(&payment.out_trade_no).map(|slot| slot.order.total_fee);
        let id = self.except(payment, kind, expected, None, now);
        let first_seen_at = self.exceptions.get(&id).map_or(now, |known| known.first_seen_at);
        Outcome::Exception { id, first_seen_at }
    }

    pub(super) fn except(
        &mut self,
        payment: &Payment,
        kind: ExceptionKind,
        expected_fee: Option<Fen>,
        settled: Option<Resolution>,
        now: UnixMillis,
    ) -> ExceptionId {
        let exception = Exception {
            kind,
            out_trade_no: payment.out_trade_no.clone(),
            transaction_id: Some(payment.transaction_id.clone()),
            total_fee: payment.total_fee,
            fee_type: payment.fee_type.clone(),
            expected_fee,
            first_seen_at: now,
            evidence: serde_json::to_string(&payment.evidence).unwrap_or_default(),
            resolution: settled,
        };
        let detail = EventDetail::Exception {
            kind,
            expected_fee,
            time_end: Some(payment.time_end),
            sign_type: Some(payment.signed),
            fields: Some(payment.evidence.clone()),
        };
        self.register(exception, detail)
    }

    /// WeChat names a refund that is not ours, perhaps without the payment's own fields.
    pub(super) fn refunded_outside(
        &mut self,
        number: &OutTradeNo,
        payment: Option<&Payment>,
        named: Option<&TransactionId>,
        now: UnixMillis,
    ) {
        if let Some(payment) = payment {
            self.keep(payment, ExceptionKind::RefundedOutside, now);
            return;
        }
        let Some(slot) = self.orders.get(number) else { return };
        let own = match &slot.order.state {
            OrderState::Paid(paid) => Some(&paid.transaction_id),
            _ => None,
        };
        let transaction_id = named.or(own).cloned();
        let (kind, total_fee) = (ExceptionKind::RefundedOutside, slot.order.total_fee);
        let exception = Exception {
            kind,
            out_trade_no: number.clone(),
            transaction_id,
            total_fee,
            fee_type: "CNY".to_owned(),
            expected_fee: Some(total_fee),
            first_seen_at: now,
            evidence: "{}".to_owned(),
            resolution: None,
        };
        self.register(exception, EventDetail::bare_exception(kind));
    }

    pub(super) fn register(&mut self, exception: Exception, detail: EventDetail) -> ExceptionId {
        let id = exception.id();
        if self.exceptions.contains_key(&id) {
            return id;
        }
        // An unknown number has no time line of its own.
        if self.orders.contains_key(&exception.out_trade_no) {
            let at = exception.first_seen_at;
            // A repeated notice repeats the exception, which is on the time line once.
            self.events.push(Event::new(&exception.out_trade_no, at, detail).once(id.to_string()));
        }
        self.exceptions.insert(id.clone(), exception);
        id
    }
}
