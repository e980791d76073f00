//! Crediting verified payments: a notice or a query answer goes through the writer, and the result is returned once it is on
//! disk.

use recharge::command::{CreditPayment, Outcome, RecordEvent};
use recharge::event::{Event, EventDetail};
use recharge::exception::RETRY_UNKNOWN_MS;
use recharge::order::{Proof, Source};
use wxpay::{OutTradeNo, Payment, Protocol, Verified};

use crate::core::{Cashier, Inner};
use crate::db::orders;
use crate::db::writer::WriteError;

/// The answer to a payment notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoticeAnswer {
    /// Stored: WeChat need not repeat it.
    Success(Outcome),
    /// WeChat must repeat it: a query decides first, or the order may still be written.
    Fail(Outcome),
}

impl Cashier {
    /// Credits a verified payment, or keeps it as an exception, and returns the answer to its notice once it is on disk. `from`
    /// is the address that the notice came from.
    ///
    /// # Errors
    /// [`WriteError`]: not known to be written, so WeChat must repeat the notice.
    pub async fn credit_payment(
        &self,
        payment: Verified<Payment>,
        from: &str,
    ) -> Result<NoticeAnswer, WriteError> {
        let number = payment.out_trade_no.clone();
        let now = self.now();
        let outcome = self.inner.credit_payment(payment, Source::Notice { from: from.to_owned() }).await?;
        Ok(match &outcome {
            Outcome::AskWeChat => {
                self.query_soon(&number);
                NoticeAnswer::Fail(outcome)
            }
            Outcome::Exception { id, first_seen_at }
                if id.kind.asks_for_repeat() && now.minus(*first_seen_at) < RETRY_UNKNOWN_MS =>
            {
                NoticeAnswer::Fail(outcome)
            }
            _ => NoticeAnswer::Success(outcome),
        })
    }

    /// Remembers that a notice by this protocol came and was believed. Nothing waits for the write.
    pub fn notice_came(&self, by: Protocol) {
        self.inner.notice_times.came(&self.inner.db, by, self.now());
    }

    /// Records on the order's time line a verified notice that reports no payment.
    ///
    /// # Errors
    /// [`WriteError`].
    pub async fn not_paid(&self, out_trade_no: &OutTradeNo, err_code: &str) -> Result<(), WriteError> {
        if orders::find(&self.inner.db, out_trade_no).await?.is_some() {
            let (now, detail) = (self.now(), EventDetail::NotPaid { err_code: err_code.to_owned() });
            // A replayed notice adds at most one row in ten minutes.
            let once = format!("not_paid {err_code} {}", now.get() / 600_000);
            let event = Event::new(out_trade_no, now, detail).once(once);
            self.inner.writer.write(RecordEvent(event)).await?;
        }
        Ok(())
    }
}

impl Inner {
    pub(crate) async fn credit_payment(
        &self,
        payment: Verified<Payment>,
        source: Source,
    ) -> Result<Outcome, WriteError> {
        let (now, proof) = (self.clock.now(), source.proof());
        let payment = payment.into_inner();
        let number = payment.out_trade_no.clone();
        let outcome = self.writer.write(CreditPayment { payment, source, now }).await?;
        match &outcome {
            Outcome::Credited { late } => {
                self.health.paid(proof);
                // The handler of the notice logs it, in one line with its verdict.
                if proof == Proof::Query {
                    tracing::info!(out_trade_no = %number, late, "credited {number} on the answer of a query");
                }
            }
            Outcome::Exception { id, .. } => {
                tracing::warn!(out_trade_no = %number, "{} for {number} kept as an exception", id.kind.name());
            }
            Outcome::KeptForRefund => {
                tracing::warn!(out_trade_no = %number, "{number} was paid late and waits for its refund");
            }
            Outcome::AlreadyPaid | Outcome::AskWeChat => {}
        }
        Ok(outcome)
    }
}
