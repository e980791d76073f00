//! Taking a refund: the same for both protocols. It is kept, and its notice is queued for its end.

use std::collections::BTreeMap;

use wxpay::UnixMillis;

use crate::Sandbox;
use crate::clock::Now;
use crate::notices::{Kind, Pending};
use crate::numbers;
use crate::orders::refunds::{FreshRefund, Refund, RefundStatus};
use crate::orders::{Order, Refusal, Signing};
use crate::store::{Change, Kept};

impl Sandbox {
    /// Accepts the refund that `fields` (named as v2 names them) ask for, or finds the one with this number, and answers
    /// with `reply`.
    pub(crate) fn accept_refund<T>(
        &self,
        fields: &BTreeMap<String, String>,
        signing: Signing,
        now: Now,
        reply: impl FnOnce(&Order, &Refund) -> T,
    ) -> (Result<T, Refusal>, Kept) {
        let mut state = self.state();
        let crate::State { book, queue, faults, random, .. } = &mut *state;
        let after = i64::try_from(faults.refund.after_ms).unwrap_or(i64::MAX);
        let ends_inner = now.inner.plus_ms(after);
        let ends_at: UnixMillis = self.0.clock.wall_of(ends_inner).max(now.wall);
        let refund_id = numbers::refund_id(random, now.wall);
        let fresh = FreshRefund { signing, refund_id, ends_at, ends_inner };
        let (order, refund, is_new) = match book.refund(fields, fresh, &faults.refund, now) {
            Ok(taken) => taken,
            Err(why) => return (Err(why), Kept::nothing()),
        };
        let reply = reply(order, refund);
        if !is_new {
            return (Ok(reply), Kept::nothing());
        }
        let delay_ms = faults.notify.delay_ms.saturating_mul(faults.speed.into());
        let ends = refund.result != RefundStatus::Processing;
        let notice = refund.notify_url().filter(|_| ends).map(|_| Pending {
            id: refund.refund_id.clone(),
            kind: Kind::Refund,
            out_trade_no: order.out_trade_no.clone(),
            nonce_str: numbers::nonce_str(random),
            attempts: 0,
            due_inner: ends_inner.plus_ms(i64::try_from(delay_ms).unwrap_or(i64::MAX)),
        });
        let changes = || [Change::order(order)].into_iter().chain(notice.as_ref().map(Change::notice));
        let kept = self.keep(|| changes().collect());
        if let Some(notice) = notice {
            queue.insert(notice);
            self.0.wake.notify_one();
        }
        (Ok(reply), kept)
    }
}
