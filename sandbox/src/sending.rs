//! The loop that sends notices when they are due, and the same as single steps for tests.

use std::sync::Arc;

use tokio::task::JoinSet;
use wxpay::{Protocol, UnixMillis};

use crate::clock::Now;
use crate::deliver::{Answer, Post};
use crate::faults::{Faults, MAX_REPEAT};
use crate::notices::{About, Kind, NoticeRecord, Outcome, Pending, acknowledges};
use crate::orders::HOUR_MS;
use crate::store::Change;
use crate::v3::faults::MAX_REPLAY;
use crate::{AT_ONCE, Sandbox, v2, v3};

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
        let copies = message.faults.notify.repeat.min(MAX_REPEAT);
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
        let mut state = self.state();
        let crate::State { book, faults, keys, random, .. } = &mut *state;
        let order = book.order(&notice.out_trade_no)?;
        let about = match notice.kind {
            Kind::Payment => About::Payment(order.payments.iter().find(|p| p.transaction_id == notice.id)?),
            Kind::Refund => About::Refund(order.refunds.iter().find(|r| r.refund_id == notice.id)?),
        };
        let (signing, notify_url) = match about {
            About::Payment(_) => (order.signing, order.asked("notify_url").unwrap_or_default()),
            About::Refund(refund) => (refund.signing, refund.notify_url()?),
        };
        let merchant = &self.merchant();
        let wire = match signing.protocol() {
            Protocol::V2 => Wire::V2(v2::notices::body(merchant, order, about, &notice.nonce_str, faults)),
            Protocol::V3 => {
                let told = v3::notices::Told { merchant, order, about, keys };
                Wire::V3(Box::new(told.notice(&notice.nonce_str, signing.public_key, faults, random)))
            }
        };
        let faults = faults.clone();
        Some(Message { notice: notice.clone(), notify_url: notify_url.to_owned(), wire, faults })
    }

    /// Whether this copy was acknowledged. Each delivery is on record.
    async fn deliver(&self, message: &Message) -> bool {
        let _place = self.0.sending.acquire().await;
        let post = match &message.wire {
            Wire::V2(body) => Post::xml(body.clone()),
            Wire::V3(notice) => notice.post(self.0.clock.now(), &mut self.state().random),
        };
        let acknowledged = self.post(message, &post).await;
        if matches!(message.wire, Wire::V3(_)) {
            for _ in 0..message.faults.v3.replay.min(MAX_REPLAY) {
                self.post(message, &post).await;
            }
        }
        acknowledged
    }

    async fn post(&self, message: &Message, post: &Post) -> bool {
        let sent_at_ms = self.0.clock.now();
        let answer = match message.faults.notify.lose {
            true => None,
            false => self.0.transport.post(&message.notify_url, post).await,
        };
        let acknowledges = |answer: &Answer| match message.wire {
            Wire::V2(_) => acknowledges(answer.status, &answer.body),
            Wire::V3(_) => v3::notices::acknowledges(answer.status, &answer.body),
        };
        let acknowledged = answer.as_ref().is_some_and(acknowledges);
        let (status, answer) = match answer {
            Some(Answer { status, body }) => (Some(status), Some(body)),
            None => (None, None),
        };
        self.state().queue.record(NoticeRecord {
            out_trade_no: message.notice.out_trade_no.clone(),
            kind: message.notice.kind,
            body: post.body.clone(),
            headers: post.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
            plaintext: match &message.wire {
                Wire::V2(_) => None,
                Wire::V3(notice) => Some(notice.plaintext.clone()),
            },
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
    wire: Wire,
    faults: Faults,
}

/// The notice in the protocol of the call that it is about.
#[derive(Debug)]
enum Wire {
    /// The same bytes each time.
    V2(String),
    /// Signed for each delivery.
    V3(Box<v3::notices::Notice>),
}
