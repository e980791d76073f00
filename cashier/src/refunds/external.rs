//! Refunds that WeChat reports: refund notices, and the list of an order's refunds at WeChat.

use std::collections::BTreeSet;

use wxpay::{
    By, ErrCode, Error, OutRefundNo, OutTradeNo, Protocol, RefundNotice, RefundQuery, RefundState as Seen,
    Refunds, UnixMillis, Verified,
};

use super::RefundNoticeAnswer;
use crate::circuit_breaker::Call;
use crate::core::Inner;
use crate::db::writer::WriteError;
use crate::db::{orders, refunds};
use crate::query::QueryError;
use crate::throttle::CallKind;
use recharge::command::{RecordEvent, RecordExternalRefunds, UpdateRefund};
use recharge::event::{Event, EventDetail};
use recharge::order::Order;
use recharge::refund::{ExternalRefund, Refund, RefundUpdate};

/// Pages read at most: WeChat has at most 50 refunds of a payment, ten per page.
const PAGES: u32 = 6;

impl Inner {
    pub(crate) async fn take_refund_notice(
        &self,
        notice: RefundNotice,
        from: &str,
    ) -> Result<RefundNoticeAnswer, WriteError> {
        let (number, now) = (&notice.out_refund_no, self.clock.now());
        if let Some(known) = refunds::find(&self.db, number).await? {
            if !known.state.is_over() {
                self.record_notice(&notice, from, now).await?;
                refunds::hurry(&self.db, number, now).await?;
            }
            return Ok(RefundNoticeAnswer::Success);
        }
        match orders::find(&self.db, &notice.out_trade_no).await? {
            Some(order) => {
                self.record_notice(&notice, from, now).await?;
                self.query_refunds_of(&order, number).await
            }
            None => self.refund_of_no_order(&notice).await,
        }
    }

    /// A signed notice of a refund of ours is WeChat's word, and moves it; whatever does not fit is asked about.
    pub(crate) async fn take_signed_refund_notice(
        &self,
        notice: Verified<RefundNotice>,
        from: &str,
    ) -> Result<RefundNoticeAnswer, WriteError> {
        let (number, now) = (notice.out_refund_no.clone(), self.clock.now());
        match refunds::find(&self.db, &number).await? {
            Some(known) if !known.state.is_over() && says_the_same(&known, &notice) => {
                self.record_notice(&notice, from, now).await?;
                let (status, refund_id) = (notice.status.clone(), notice.refund_id.clone());
                let update = RefundUpdate::Status { status, refund_id };
                self.writer.write(UpdateRefund { out_refund_no: number, update, by: None, now }).await?;
                Ok(RefundNoticeAnswer::Success)
            }
            _ => self.take_refund_notice(notice.into_inner(), from).await,
        }
    }

    async fn record_notice(
        &self,
        notice: &RefundNotice,
        from: &str,
        now: UnixMillis,
    ) -> Result<(), WriteError> {
        let (out_refund_no, status) = (notice.out_refund_no.clone(), notice.status.as_str().to_owned());
        // A replayed notice adds at most one row in ten minutes.
        let once = format!("refund notice {out_refund_no} {status} {}", now.get() / 600_000);
        let detail = EventDetail::RefundNotice { out_refund_no, status, from: from.to_owned() };
        let event = Event::new(&notice.out_trade_no, now, detail).once(once);
        self.writer.write(RecordEvent(event)).await
    }

    /// Queries the refunds of an order, `named` by a notice among them, and stores those that are not ours.
    async fn query_refunds_of(
        &self,
        order: &Order,
        named: &OutRefundNo,
    ) -> Result<RefundNoticeAnswer, WriteError> {
        let by = self.by(order);
        let Ok(call) = self.throttle.group(CallKind::Refunds, by.protocol).admit(self.clock.now()) else {
            return Ok(RefundNoticeAnswer::Fail);
        };
        match self.refunds_at_wechat(&order.out_trade_no, by, Some(named), call).await {
            Ok(refunds) if refunds.is_empty() => Ok(RefundNoticeAnswer::Fail),
            Ok(refunds) => {
                let (out_trade_no, now) = (order.out_trade_no.clone(), self.clock.now());
                self.writer
                    .write(RecordExternalRefunds { out_trade_no, payment: None, refunds, now })
                    .await?;
                Ok(RefundNoticeAnswer::Success)
            }
            Err(QueryError::Write(error)) => Err(error),
            Err(QueryError::NotFound) => Ok(RefundNoticeAnswer::Fail),
            Err(QueryError::WeChat(error)) => {
                tracing::warn!(out_trade_no = %order.out_trade_no, "refund query for {}: {error}", order.out_trade_no);
                Ok(RefundNoticeAnswer::Fail)
            }
        }
    }

    /// The refunds of an order number at WeChat. v2 lists them all. v3 has no such list, so there WeChat is asked about each
    /// one that is known here, and about `named`: one that the merchant platform made is known only by its notice or the bill.
    pub(crate) async fn refunds_at_wechat(
        &self,
        out_trade_no: &OutTradeNo,
        by: By<'_>,
        named: Option<&OutRefundNo>,
        call: Call,
    ) -> Result<Vec<ExternalRefund>, QueryError> {
        let known = refunds::of_order(&self.db, out_trade_no).await?;
        match by.protocol {
            Protocol::V2 => self.listed_refunds(out_trade_no, by, &known, call).await,
            Protocol::V3 => {
                let numbers = known.iter().map(|refund| &refund.out_refund_no);
                let numbers: BTreeSet<_> = numbers.chain(named).collect();
                self.refunds_by_number(numbers, out_trade_no, by, call).await
            }
        }
    }

    async fn refunds_by_number(
        &self,
        numbers: BTreeSet<&OutRefundNo>,
        out_trade_no: &OutTradeNo,
        by: By<'_>,
        call: Call,
    ) -> Result<Vec<ExternalRefund>, QueryError> {
        let (mut all, mut calls) = (Vec::new(), std::iter::once(call).chain(std::iter::repeat(Call::Usual)));
        for number in numbers {
            let query = RefundQuery::OutRefundNo(number.clone());
            let found = match self.query_refunds(by, &query, calls.next().unwrap_or(Call::Usual)).await {
                Ok(found) => found,
                Err(Error::Refused { code: ErrCode::RefundNotExist, .. }) => continue,
                Err(error) => return Err(QueryError::WeChat(error)),
            };
            // A number in another shop's notice or bill may be a refund of another order.
            for seen in found.refunds.iter().filter(|_| found.out_trade_no == *out_trade_no) {
                all.push(external(&found, seen).map_err(QueryError::WeChat)?);
            }
        }
        // A call that was admitted and not made.
        if let Some(Call::Probe) = calls.next() {
            self.throttle.group(CallKind::Refunds, by.protocol).release(Call::Probe);
        }
        Ok(all)
    }

    async fn listed_refunds(
        &self,
        out_trade_no: &OutTradeNo,
        by: By<'_>,
        known: &[Refund],
        call: Call,
    ) -> Result<Vec<ExternalRefund>, QueryError> {
        let mut all = Vec::new();
        for page in 0..PAGES {
            let query = RefundQuery::OutTradeNo(out_trade_no.clone(), page * Refunds::PAGE);
            let call = if page == 0 { call } else { Call::Usual };
            let found = match self.query_refunds(by, &query, call).await {
                Ok(found) => found,
                Err(Error::Refused { code: ErrCode::RefundNotExist, .. }) => break,
                Err(error) => return Err(QueryError::WeChat(error)),
            };
            let count = found.refunds.len();
            for seen in &found.refunds {
                all.push(external(&found, seen).map_err(QueryError::WeChat)?);
            }
            if count < Refunds::PAGE as usize {
                break;
            }
        }
        // An answer about an order names one payment, and an order may have been paid twice: only a query for the refund itself
        // says which payment it belongs to.
        for refund in &mut all {
            let number = &refund.out_refund_no;
            if known.iter().all(|known| known.out_refund_no != *number) {
                let query = RefundQuery::RefundId(refund.refund_id.clone());
                let found = self.query_refunds(by, &query, Call::Usual).await.map_err(QueryError::WeChat)?;
                if let Some(seen) = found.refunds.first() {
                    *refund = external(&found, seen).map_err(QueryError::WeChat)?;
                }
            }
        }
        Ok(all)
    }

    /// Stores a refund of an unknown order number as a query confirms it.
    async fn refund_of_no_order(&self, notice: &RefundNotice) -> Result<RefundNoticeAnswer, WriteError> {
        let query = RefundQuery::OutRefundNo(notice.out_refund_no.clone());
        let by = self.wechat.first();
        let Ok(call) = self.throttle.group(CallKind::Refunds, by).admit(self.clock.now()) else {
            return Ok(RefundNoticeAnswer::Fail);
        };
        let Ok(found) = self.query_refunds(by, &query, call).await else {
            return Ok(RefundNoticeAnswer::Fail);
        };
        let refunds = found.refunds.iter().map(|seen| external(&found, seen)).collect::<Result<_, _>>();
        let Ok(refunds) = refunds else { return Ok(RefundNoticeAnswer::Fail) };
        let (out_trade_no, now) = (found.out_trade_no.clone(), self.clock.now());
        let command = RecordExternalRefunds { out_trade_no, payment: None, refunds, now };
        self.writer.write(command).await?;
        Ok(RefundNoticeAnswer::Success)
    }
}

/// Whether a notice is about this very refund, which may have no number of WeChat's yet.
fn says_the_same(known: &Refund, notice: &RefundNotice) -> bool {
    known.out_trade_no == notice.out_trade_no
        && known.transaction_id == notice.transaction_id
        && known.total_fee == notice.total_fee
        && known.amount == notice.refund_fee
        && known.refund_id.as_ref().is_none_or(|refund_id| *refund_id == notice.refund_id)
}

/// A refund as WeChat names it. One that was made by hand in the merchant platform has no number of the merchant's: it is
/// kept under WeChat's own.
fn external(found: &Refunds, seen: &Seen) -> Result<ExternalRefund, Error> {
    let out_refund_no = match &seen.out_refund_no {
        Some(number) => number.clone(),
        None => OutRefundNo::parse(seen.refund_id.as_str()).map_err(Error::BadField)?,
    };
    Ok(ExternalRefund {
        out_refund_no,
        refund_id: seen.refund_id.clone(),
        transaction_id: found.transaction_id.clone(),
        total_fee: found.total_fee,
        amount: seen.refund_fee,
        status: seen.status.clone(),
    })
}

#[cfg(test)]
mod tests {
    use wxpay::{Evidence, Fen, RefundId, RefundStatus, TransactionId};

    use super::*;

    #[test]
    fn a_refund_that_has_no_number_of_ours_is_kept_under_wechats() {
        let seen = Seen {
            out_refund_no: None,
            refund_id: RefundId::parse("50300001232026031612345678901").unwrap(),
            refund_fee: Fen::new(500),
            status: RefundStatus::Success,
            channel: None,
            recv_account: None,
            success_time: None,
        };
        let found = Refunds {
            out_trade_no: OutTradeNo::parse("BK20260315000001").unwrap(),
            transaction_id: TransactionId::parse("4200001234202603151234567890").unwrap(),
            total_fee: Fen::new(1990),
            total_refund_count: None,
            refunds: vec![seen.clone()],
            evidence: Evidence::default(),
        };
        let kept = external(&found, &seen).unwrap();
        assert_eq!((kept.out_refund_no.as_str(), kept.amount), (kept.refund_id.as_str(), Fen::new(500)));
        let numbered = Seen { out_refund_no: Some(OutRefundNo::parse("RF1").unwrap()), ..seen };
        assert_eq!(external(&found, &numbered).unwrap().out_refund_no.as_str(), "RF1");
    }
}
