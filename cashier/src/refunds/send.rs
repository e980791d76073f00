//! One refund at a time: sent to WeChat, queried, withdrawn.

use wxpay::{
    By, ErrClass, ErrCode, Error, OutRefundNo, Protocol, RefundQuery, RefundState as Seen, RefundStatus,
    Refunds, Verified,
};

use super::WithdrawError;
use crate::circuit_breaker::Call;
use crate::core::Inner;
use crate::db::writer::WriteError;
use crate::db::{orders, refunds};
use crate::throttle::{CallKind, Round};
use recharge::audit::Acting;
use recharge::command::{RefundReply, UpdateRefund};
use recharge::order::Order;
use recharge::refund::{Blocked, Problem, Refund, RefundState, RefundUpdate};

/// Time after sending during which a request may still reach WeChat, in milliseconds.
const IN_FLIGHT_MS: i64 = 20_000;

impl Inner {
    /// One step of one refund: sent if WeChat is not known to have it, else queried.
    pub(crate) async fn advance(&self, number: &OutRefundNo, round: &Round) -> Result<(), WriteError> {
        let call = round.call;
        let refund = match refunds::find(&self.db, number).await {
            Ok(Some(refund)) => refund,
            nothing => {
                self.throttle.release_round(CallKind::Refunds, round);
                return Ok(nothing.map(drop)?);
            }
        };
        let order = match orders::find(&self.db, &refund.out_trade_no).await {
            Ok(order) => order,
            Err(error) => {
                self.throttle.release_round(CallKind::Refunds, round);
                return Err(error.into());
            }
        };
        let by = self.by_of_refund(&refund, order.as_ref());
        let update = match refund.state {
            RefundState::Requested => self.send(&refund, by, call).await,
            _ => self.query_refund(&refund, by, call).await,
        };
        if let RefundUpdate::Blocked(blocked) = &update {
            tracing::warn!(out_trade_no = %refund.out_trade_no, "refund {number}: {}", blocked.said);
        }
        self.hear(number, update, None).await.map(drop)
    }

    async fn hear(
        &self,
        number: &OutRefundNo,
        update: RefundUpdate,
        by: Option<Acting>,
    ) -> Result<Option<Refund>, WriteError> {
        let now = self.clock.now();
        let command = UpdateRefund { out_refund_no: number.clone(), update, by, now };
        let Some(RefundReply { refund, changed }) = self.writer.write(command).await? else {
            return Ok(None);
        };
        if changed && refund.state.is_over() {
            let (order, state) = (&refund.out_trade_no, refund.state.name());
            tracing::info!(out_trade_no = %order, "refund {number} of {order} has ended: {state}");
        }
        Ok(Some(refund))
    }

    /// By which protocol, and in whose name, WeChat is asked about a refund: the refund's own, or the other one where its
    /// own has lost its credentials. WeChat knows the number in either.
    fn by_of_refund<'a>(&self, refund: &Refund, order: Option<&'a Order>) -> By<'a> {
        let appid = order.and_then(|order| order.app.other());
        By { protocol: self.wechat.instead(refund.protocol), appid }
    }

    async fn send(&self, refund: &Refund, by: By<'_>, call: Call) -> RefundUpdate {
        if !self.wechat.can_refund(by.protocol) {
            self.throttle.group(CallKind::Refunds, by.protocol).release(call);
            return RefundUpdate::Blocked(Blocked::by(&Error::NoCertificate));
        }
        // What arrived by its own protocol, and was answered without our hearing of it, is another request to WeChat when it
        // comes by the other one: it is refused although the money goes back.
        if by.protocol != refund.protocol && refund.tries > 1 {
            let update = self.query_refund(refund, by, Call::Usual).await;
            if !matches!(update, RefundUpdate::NotTaken { .. }) {
                self.throttle.group(CallKind::Refunds, by.protocol).release(call);
                return update;
            }
        }
        let answer = self.wechat.refund(by, &as_sent(refund)).await;
        let error = match self.record_refund_call(by.protocol, call, answer) {
            Ok(accepted) => {
                let refund_id = accepted.refund_id.clone();
                return RefundUpdate::Status { status: RefundStatus::Processing, refund_id };
            }
            Err(error) => error,
        };
        let blocked = Blocked::by(&error);
        // A refusal ends the refund only if a query says REFUNDNOTEXIST. After more than one try that includes refusals of the
        // class `Fix`: a request that arrived unanswered by the other protocol makes WeChat refuse this one as INVALID_REQUEST.
        let is_asked_about = error.code().is_some_and(|code| match code.class() {
            ErrClass::Final | ErrClass::Query => true,
            ErrClass::Fix => refund.tries > 1,
            ErrClass::Same | ErrClass::Wait => false,
        });
        if !is_asked_about {
            return RefundUpdate::Blocked(blocked);
        }
        match self.query_refund(refund, by, Call::Usual).await {
            RefundUpdate::NotTaken { tried_at, .. } if blocked.problem == Problem::Final => {
                RefundUpdate::NotTaken { blocked, tried_at }
            }
            RefundUpdate::NotTaken { .. } => RefundUpdate::Blocked(blocked),
            update => update,
        }
    }

    /// WeChat's state of a refund; `NotTaken` if it knows no such refund, which ends only one that was never accepted.
    async fn query_refund(&self, refund: &Refund, by: By<'_>, call: Call) -> RefundUpdate {
        // One that was made by hand in the merchant platform has no number of the merchant's there; v3 finds only those that
        // have one.
        let query = match (&refund.refund_id, by.protocol) {
            (Some(refund_id), Protocol::V2) if refund.is_external() => {
                RefundQuery::RefundId(refund_id.clone())
            }
            _ => RefundQuery::OutRefundNo(refund.out_refund_no.clone()),
        };
        let found = match self.query_refunds(by, &query, call).await {
            Ok(found) => found,
            Err(Error::Refused { code: ErrCode::RefundNotExist, .. }) => {
                let blocked = Blocked { problem: Problem::Mismatch, said: "REFUNDNOTEXIST".to_owned() };
                return match refund.state {
                    RefundState::Requested => RefundUpdate::NotTaken { blocked, tried_at: refund.tried_at },
                    _ => RefundUpdate::Blocked(blocked),
                };
            }
            Err(error) => return RefundUpdate::Blocked(Blocked::by(&error)),
        };
        found_update(refund, &found)
    }

    /// A refund query, whose outcome the breaker records.
    pub(crate) async fn query_refunds(
        &self,
        by: impl Into<By<'_>> + Send,
        query: &RefundQuery,
        call: Call,
    ) -> Result<Verified<Refunds>, Error> {
        let by = by.into();
        let answer = self.wechat.query_refunds(by, query).await;
        self.record_refund_call(by.protocol, call, answer)
    }

    pub(crate) async fn withdraw(
        &self,
        number: &OutRefundNo,
        seen_version: Option<i64>,
        by: Acting,
    ) -> Result<Refund, WithdrawError> {
        let refund = refunds::find(&self.db, number).await?.ok_or(WithdrawError::NotFound)?;
        if refund.state == RefundState::Requested && seen_version.is_some_and(|seen| seen != refund.version) {
            return Err(WithdrawError::Stale);
        }
        let clear = refund.blocked.as_ref().is_some_and(|blocked| blocked.problem.is_clear());
        if refund.state != RefundState::Requested || !clear {
            return Err(WithdrawError::MayBeThere);
        }
        let now = self.clock.now();
        if !refunds::hold(&self.db, &refund, IN_FLIGHT_MS, now).await? {
            let wait = IN_FLIGHT_MS - now.minus(refund.tried_at);
            return Err(WithdrawError::TooEarly { wait_s: wait.max(0) / 1000 + 1 });
        }
        let query = RefundQuery::OutRefundNo(number.clone());
        let order = orders::find(&self.db, &refund.out_trade_no).await?;
        let by_which = self.by_of_refund(&refund, order.as_ref());
        let update = match self.query_refunds(by_which, &query, Call::Usual).await {
            Err(Error::Refused { code: ErrCode::RefundNotExist, .. }) => {
                let said = format!("withdrawn by {}", by.actor);
                RefundUpdate::NotTaken {
                    blocked: Blocked { problem: Problem::Withdrawn, said },
                    tried_at: now,
                }
            }
            Ok(found) => {
                // It is stored as what it is, so that the page says so and its end is asked for.
                self.hear(number, found_update(&refund, &found), None).await?;
                return Err(WithdrawError::MayBeThere);
            }
            Err(error) => return Err(WithdrawError::WeChat(error)),
        };
        match self.hear(number, update, Some(by)).await? {
            Some(refund) if refund.state == RefundState::Closed => Ok(refund),
            Some(_) => Err(WithdrawError::MayBeThere),
            None => Err(WithdrawError::NotFound),
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

/// What WeChat's answer to the query of a refund's number says about it.
fn found_update(refund: &Refund, found: &Refunds) -> RefundUpdate {
    match found.refunds.first() {
        Some(seen) if is_ours(refund, found, seen) => {
            RefundUpdate::Status { status: seen.status.clone(), refund_id: seen.refund_id.clone() }
        }
        _ => {
            let said = "WeChat has another refund under this number".to_owned();
            RefundUpdate::Blocked(Blocked { problem: Problem::Mismatch, said })
        }
    }
}

fn is_ours(refund: &Refund, found: &Refunds, seen: &Seen) -> bool {
    found.out_trade_no == refund.out_trade_no
        && found.transaction_id == refund.transaction_id
        && found.total_fee == refund.total_fee
        && seen.refund_fee == refund.amount
}
