//! Exceptions in a batch: real money that does not fit, kept with its evidence.

use serde_json::{Value, json};
use wxpay::{Fen, OutTradeNo, Payment, TransactionId, UnixMillis};

use super::Batch;
use crate::command::Outcome;
use crate::event::{Event, EventKind};
use crate::exception::{Exception, ExceptionKind, Settled};
use crate::order::OrderState;

impl Batch<'_> {
    /// Keeps real money that does not fit, with its evidence.
    pub(super) fn keep(&mut self, payment: &Payment, kind: ExceptionKind, now: UnixMillis) -> Outcome {
        let expected = self.orders.get(&payment.out_trade_no).map(|slot| slot.order.total_fee);
        let id = self.except(payment, kind, expected, None, now);
        let first_seen_at = self.exceptions.get(&id).map_or(now, |known| known.first_seen_at);
        Outcome::Exception { id, kind, first_seen_at }
    }

    pub(super) fn except(
        &mut self,
        payment: &Payment,
        kind: ExceptionKind,
        expected_fee: Option<Fen>,
        settled: Option<Settled>,
        now: UnixMillis,
    ) -> String {
        let exception = Exception {
            kind,
            out_trade_no: payment.out_trade_no.clone(),
            transaction_id: Some(payment.transaction_id.clone()),
            total_fee: payment.total_fee,
            fee_type: payment.fee_type.clone(),
            expected_fee,
            first_seen_at: now,
            evidence: serde_json::to_string(&payment.evidence).unwrap_or_default(),
            settled,
        };
        let detail = json!({
            "kind": kind.name(),
            "expected_fee": expected_fee,
            "time_end": payment.time_end,
            "sign_type": payment.signed.as_str(),
            "fields": payment.evidence,
        });
        self.register(exception, &detail)
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
            settled: None,
        };
        self.register(exception, &json!({ "kind": kind.name() }));
    }

    pub(super) fn register(&mut self, exception: Exception, detail: &Value) -> String {
        let id = exception.id();
        if self.exceptions.contains_key(&id) {
            return id;
        }
        // An unknown number has no time line of its own.
        if self.orders.contains_key(&exception.out_trade_no) {
            let at = exception.first_seen_at;
            let mut event = Event::new(&exception.out_trade_no, at, EventKind::Exception, detail);
            // A repeated notice repeats the exception, which is on the time line once.
            event.once = Some(id.clone());
            self.events.push(event);
        }
        self.exceptions.insert(id.clone(), exception);
        id
    }
}
