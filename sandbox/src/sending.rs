//! The loop that sends notices when they are due, and the same as single steps for tests.

use std::sync::Arc;

use tokio::task::JoinSet;
use wxpay::v2::{Fields, sign};
use wxpay::{ApiKey, UnixMillis};

use crate::clock::Now;
use crate::deliver::Answer;
use crate::faults::{MAX_REPEAT, NotifyFaults};
use crate::notices::{Kind, NoticeRecord, Outcome, Pending, acknowledges};
use crate::orders::{HOUR_MS, Order};
use crate::store::Change;
use crate::v2::replies;
use crate::{AT_ONCE, Sandbox};

/// A key that is not the merchant's, for notices with a forged signature.
const OTHER_KEY: &str = "00000000000000000000000000000000";

impl Sandbox {
    /// Sends every notice that is due at `now` and waits for the answers. For tests that have no
    /// loop; what becomes due by an answer waits for the next step.
    pub async fn step(&self, now: UnixMillis) {
        let now = self.0.clock.read_at(now);
        self.forget_old(now);
        let due = self.state().queue.take_due(now, usize::MAX);
        let mut sent = JoinSet::new();
        for notice in due {
            let sandbox = self.clone();
            sent.spawn(async move { sandbox.send(notice, now).await });
        }
        while let Some(sent) = sent.join_next().await {
            if let Err(error) = sent {
                tracing::error!(%error, "sending a notice panicked: {error}");
            }
        }
    }

    /// When the next notice is due.
    pub fn next_due(&self) -> Option<UnixMillis> {
        let due = self.state().queue.next_due()?;
        Some(self.0.clock.wall_of(due))
    }

    /// Sends notices when they are due, for ever. [`Sandbox::serve`] does so by itself.
    pub async fn run_notices(&self) {
        loop {
            let changed = self.0.clock.changed();
            let now = self.0.clock.read();
            self.forget_old(now);
            for notice in self.state().queue.take_due(now, AT_ONCE) {
                let sandbox = self.clone();
                tokio::spawn(async move { sandbox.send(notice, now).await });
            }
            tokio::select! {
                () = self.0.clock.wait_until(self.next_due(), changed) => (),
                () = self.0.wake.notified() => (),
            }
        }
    }

    /// One attempt: the notice with its copies, then what follows from the answers.
    async fn send(&self, notice: Pending, now: Now) {
        let Some(message) = self.message(&notice) else {
            // Its order was forgotten; WeChat's schedule ends long before that.
            self.state().queue.report(&notice.id, true, now);
            return;
        };
        let copies = message.faults.repeat.min(MAX_REPEAT);
        let message = Arc::new(message);
        let mut under_way = JoinSet::new();
        for _ in 0..=copies {
            let (sandbox, message) = (self.clone(), message.clone());
            under_way.spawn(async move { sandbox.deliver(&message).await });
        }
        let answers = under_way.join_all().await;
        let acknowledged = answers.into_iter().any(|acknowledged| acknowledged);
        let (outcome, kept) = {
            let mut state = self.state();
            let outcome = state.queue.report(&notice.id, acknowledged, now);
            let kept = self.keep(|| match &outcome {
                Some(Outcome::Again(again)) => vec![Change::notice(again)],
                _ => vec![Change::notice_done(&notice.id)],
            });
            (outcome, kept)
        };
        kept.on_disk().await;
        self.0.wake.notify_one();
        let number = &notice.out_trade_no;
        match outcome {
            Some(Outcome::GivenUp) => tracing::warn!(
                out_trade_no = %number,
                "notice of {number} given up: the merchant did not acknowledge it"
            ),
            Some(Outcome::Again(again)) => tracing::info!(
                out_trade_no = %number,
                attempts = again.attempts,
                "notice of {number} not acknowledged, will be sent again"
            ),
            Some(Outcome::Acknowledged) | None => (),
        }
    }

    /// What is sent and where to, with the switches as they stand now.
    fn message(&self, notice: &Pending) -> Option<Message> {
        let state = self.state();
        let order = state.book.order(&notice.out_trade_no)?;
        let faults = state.faults.notify.clone();
        if notice.kind == Kind::Refund {
            return self.refund_message(order, notice, faults);
        }
        let payment = order.payments.iter().find(|p| p.transaction_id == notice.id)?;
        let mut fields = replies::notice(&self.0.merchant, order, payment, &notice.nonce_str);
        if let Some(total_fee) = faults.total_fee {
            fields.set("total_fee", total_fee.to_string());
            fields.set("cash_fee", total_fee.to_string());
        }
        if let Some(trade_type) = &state.faults.trade_type {
            fields.set("trade_type", trade_type.as_str());
        }
        let sign = match ApiKey::parse(OTHER_KEY) {
            Ok(key) if faults.forge_sign => sign::sign(&fields, &key, order.signing.sign_type()),
            _ => sign::sign(&fields, &self.0.merchant.key, order.signing.sign_type()),
        };
        fields.set("sign", sign);
        let notify_url = order.asked("notify_url").unwrap_or_default().to_owned();
        Some(Message { notice: notice.clone(), notify_url, fields, faults })
    }

    fn refund_message(&self, order: &Order, notice: &Pending, faults: NotifyFaults) -> Option<Message> {
        let refund = order.refunds.iter().find(|refund| refund.refund_id == notice.id)?;
        let total_fee = faults.total_fee.unwrap_or(order.total_fee.get());
        let merchant = &self.0.merchant;
        let forged = ApiKey::parse(OTHER_KEY).ok().filter(|_| faults.forge_sign);
        let key = forged.as_ref().unwrap_or(&merchant.key);
        // A notice tells of the end, whatever the clock says by now.
        let at_its_end = Now { wall: refund.ends_at, inner: refund.ends_inner };
        let result = replies::refund_result(order, refund, total_fee, at_its_end);
        let fields = replies::refund_notice((order.appid(), merchant), &result, key, &notice.nonce_str);
        let notify_url = refund.notify_url()?.to_owned();
        Some(Message { notice: notice.clone(), notify_url, fields, faults })
    }

    /// Whether this copy was acknowledged. Each delivery is on record.
    async fn deliver(&self, message: &Message) -> bool {
        let _place = self.0.sending.acquire().await;
        let body = message.fields.to_xml();
        let sent_at_ms = self.0.clock.now();
        let answer = match message.faults.lose {
            true => None,
            false => self.0.transport.post(&message.notify_url, body.clone()).await,
        };
        let acknowledged = answer.as_ref().is_some_and(|a| acknowledges(a.status, &a.body));
        let (status, answer) = match answer {
            Some(Answer { status, body }) => (Some(status), Some(body)),
            None => (None, None),
        };
        self.state().queue.record(NoticeRecord {
            out_trade_no: message.notice.out_trade_no.clone(),
            kind: message.notice.kind,
            body,
            sent_at_ms,
            status,
            answer,
        });
        acknowledged
    }

    /// Once an hour of the sandbox's clock.
    fn forget_old(&self, now: Now) {
        let mut state = self.state();
        if now.wall.minus(state.forgot_at) < HOUR_MS {
            return;
        }
        state.forgot_at = now.wall;
        let before = state.book.forget_old(now.wall);
        if let Some(store) = &self.0.store {
            store.forget_orders(before);
        }
    }
}

#[derive(Debug)]
struct Message {
    notice: Pending,
    notify_url: String,
    fields: Fields,
    faults: NotifyFaults,
}
