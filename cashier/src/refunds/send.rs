//! One refund at a time: sent to WeChat, asked about, withdrawn.

use wxpay::{
    ErrClass, ErrCode, Error, OutRefundNo, RefundQuery, RefundState as Seen, RefundStatus, Refunds, Verified,
};

use super::WithdrawError;
use crate::circuit_breaker::Call;
use crate::core::Inner;
use crate::db::refunds;
use crate::db::writer::WriteError;
use recharge::command::{Command, Reply};
use recharge::refund::{By, News, Problem, Refund, RefundState, Stuck};

/// After a request was sent, its answer may still be on the way for so long.
const IN_FLIGHT_MS: i64 = 20_000;

impl Inner {
    /// One step of one refund: sent if WeChat is not known to have it, else asked about.
    pub(crate) async fn drive(&self, number: &OutRefundNo, call: Call) -> Result<(), WriteError> {
        let refund = match refunds::find(&self.db, number).await {
            Ok(Some(refund)) => refund,
            nothing => {
                self.throttle.refunds.release(call);
                return Ok(nothing.map(drop)?);
            }
        };
        let news = match refund.state {
            RefundState::Requested => self.send(&refund, call).await,
            _ => self.query_refund(&refund, call).await,
        };
        if let News::Stuck(stuck) = &news {
            tracing::warn!(out_trade_no = %refund.out_trade_no, "refund {number}: {}", stuck.said);
        }
        self.hear(number, news, None).await.map(drop)
    }

    async fn hear(&self, number: &OutRefundNo, news: News, by: Option<By>) -> Result<Reply, WriteError> {
        let now = self.clock.now();
        let reply =
            self.writer.write(Command::Heard { out_refund_no: number.clone(), news, by, now }).await?;
        if let Reply::Refund { refund, changed: true } = &reply
            && refund.state.is_over()
        {
            let (order, state) = (&refund.out_trade_no, refund.state.name());
            tracing::info!(out_trade_no = %order, "refund {number} of {order} has ended: {state}");
        }
        Ok(reply)
    }

    async fn send(&self, refund: &Refund, call: Call) -> News {
        if !self.wechat.can_refund() {
            self.throttle.refunds.release(call);
            return News::Stuck(Stuck::by(&Error::NoCertificate));
        }
        let answer = self.wechat.refund(&as_sent(refund)).await;
        let error = match self.record_refund_call(call, answer) {
            Ok(accepted) => {
                let refund_id = accepted.refund_id.clone();
                return News::Status { status: RefundStatus::Processing, refund_id };
            }
            Err(error) => error,
        };
        let stuck = Stuck::by(&error);
        let is_verdict =
            error.code().is_some_and(|code| matches!(code.class(), ErrClass::Final | ErrClass::Query));
        if !is_verdict {
            return News::Stuck(stuck);
        }
        // An earlier request may have arrived although its answer did not: only if WeChat knows no such refund it is over.
        match self.query_refund(refund, Call::Usual).await {
            News::NotTaken { tried_at, .. } if stuck.problem == Problem::Final => {
                News::NotTaken { stuck, tried_at }
            }
            News::NotTaken { .. } => News::Stuck(stuck),
            news => news,
        }
    }

    /// What WeChat knows of a refund; `NotTaken` if it knows no such refund, which ends only one that was never taken on.
    async fn query_refund(&self, refund: &Refund, call: Call) -> News {
        // One that was made by hand in the merchant platform has no number of the merchant's there.
        let query = match &refund.refund_id {
            Some(refund_id) if refund.is_outside() => RefundQuery::RefundId(refund_id.clone()),
            _ => RefundQuery::OutRefundNo(refund.out_refund_no.clone()),
        };
        let found = match self.query_refunds(&query, call).await {
            Ok(found) => found,
            Err(Error::Refused { code: ErrCode::RefundNotExist, .. }) => {
                let stuck = Stuck { problem: Problem::Mismatch, said: "REFUNDNOTEXIST".to_owned() };
                return match refund.state {
                    RefundState::Requested => News::NotTaken { stuck, tried_at: refund.tried_at },
                    _ => News::Stuck(stuck),
                };
            }
            Err(error) => return News::Stuck(Stuck::by(&error)),
        };
        match found.refunds.first() {
            Some(seen) if is_ours(refund, &found, seen) => {
                News::Status { status: seen.status.clone(), refund_id: seen.refund_id.clone() }
            }
            _ => {
                let said = "WeChat has another refund under this number".to_owned();
                News::Stuck(Stuck { problem: Problem::Mismatch, said })
            }
        }
    }

    /// A refund query, which says how WeChat is besides.
    pub(crate) async fn query_refunds(
        &self,
        query: &RefundQuery,
        call: Call,
    ) -> Result<Verified<Refunds>, Error> {
        let answer = self.wechat.query_refunds(query).await;
        self.record_refund_call(call, answer)
    }

    pub(crate) async fn withdraw(
        &self,
        number: &OutRefundNo,
        seen_version: Option<i64>,
        by: By,
    ) -> Result<Refund, WithdrawError> {
        let refund = refunds::find(&self.db, number).await?.ok_or(WithdrawError::NotFound)?;
        if refund.state == RefundState::Requested && seen_version.is_some_and(|seen| seen != refund.version) {
            return Err(WithdrawError::Stale);
        }
        let clear = refund.stuck.as_ref().is_some_and(|stuck| stuck.problem.is_clear());
        if refund.state != RefundState::Requested || !clear {
            return Err(WithdrawError::MayBeThere);
        }
        let now = self.clock.now();
        if !refunds::hold(&self.db, &refund, IN_FLIGHT_MS, now).await? {
            let wait = IN_FLIGHT_MS - now.minus(refund.tried_at);
            return Err(WithdrawError::TooEarly { wait_s: wait.max(0) / 1000 + 1 });
        }
        let query = RefundQuery::OutRefundNo(number.clone());
        let news = match self.query_refunds(&query, Call::Usual).await {
            Err(Error::Refused { code: ErrCode::RefundNotExist, .. }) => {
                let said = format!("withdrawn by {}", by.operator);
                News::NotTaken { stuck: Stuck { problem: Problem::Withdrawn, said }, tried_at: now }
            }
            Ok(_) => return Err(WithdrawError::MayBeThere),
            Err(error) => return Err(WithdrawError::WeChat(error)),
        };
        match self.hear(number, news, Some(by)).await? {
            Reply::Refund { refund, .. } if refund.state == RefundState::Closed => Ok(*refund),
            Reply::Refund { .. } => Err(WithdrawError::MayBeThere),
            _ => Err(WithdrawError::NotFound),
        }
    }
}

/// The stored fields, as they were sent the first time: WeChat refuses the same number with others.
fn as_sent(refund: &Refund) -> wxpay::Refund {
    wxpay::Refund {
        transaction_id: refund.transaction_id.clone(),
        out_trade_no: refund.out_trade_no.clone(),
        out_refund_no: refund.out_refund_no.clone(),
        total_fee: refund.total_fee,
        refund_fee: refund.amount,
        refund_desc: Some(refund.reason.clone()),
        notify_url: refund.notify_url.clone(),
    }
}

fn is_ours(refund: &Refund, found: &Refunds, seen: &Seen) -> bool {
    found.out_trade_no == refund.out_trade_no
        && found.transaction_id == refund.transaction_id
        && found.total_fee == refund.total_fee
        && seen.refund_fee == refund.amount
}
