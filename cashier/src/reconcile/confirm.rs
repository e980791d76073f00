//! Asking WeChat about a payment or refund that only one of bill and books has. A bill is unsigned, so it proves nothing by
//! itself.

use wxpay::bill::{BillEntry, BillRow};
use wxpay::{
    By, ErrClass, Error, OutRefundNo, OutTradeNo, Protocol, RefundQuery, Refunds, Trade, TradeState,
    TransactionId,
};

use crate::circuit_breaker::Call;
use crate::core::Inner;
use crate::db::orders;
use crate::health::Cause;
use crate::query::QueryError;
use recharge::audit::Actor;
use recharge::command::{Outcome, RecordExternalRefunds};
use recharge::exception::ExceptionId;
use recharge::order::Source;
use recharge::reconciliation::{Difference, DifferenceKind, reason};

/// The outcome of a query for a payment or refund of the bill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Confirmed {
    Credited,
    KeptForRefund,
    AlreadyPaid,
    /// Stored as the exception of this id.
    Exception(ExceptionId),
    /// WeChat does not confirm it: its word, or the fault of its answer.
    Not(String),
    /// No clear answer; a later query may bring one.
    Unclear,
}

impl Inner {
    /// Queries the payment or refund of a row of the bill and applies the answer.
    ///
    /// # Errors
    /// [`QueryError`] if further queries are useless: WeChat refuses all requests, or nothing can be written.
    pub(crate) async fn confirm(&self, row: &BillRow, by: &Actor) -> Result<Confirmed, QueryError> {
        if matches!(row.entry, BillEntry::Refund { .. }) {
            return self.confirm_refund(row).await;
        }
        let by_row = self.by_row(row);
        let answer = self.wechat.query_transaction(by_row, &row.transaction_id).await;
        let trade = match self.record_query(by_row.protocol, Call::Usual, answer) {
            Ok(trade) => trade,
            Err(error) => return self.unconfirmed(by_row.protocol, error),
        };
        self.health.understood(by_row.protocol);
        match (trade.state, trade.payment) {
            (TradeState::Success, Some(payment)) => {
                Ok(match self.credit_payment(payment, Source::Query { by: by.clone() }).await? {
                    Outcome::Credited { .. } => Confirmed::Credited,
                    Outcome::KeptForRefund => Confirmed::KeptForRefund,
                    Outcome::AlreadyPaid => Confirmed::AlreadyPaid,
                    Outcome::Exception { id, .. } => Confirmed::Exception(id),
                    Outcome::AskWeChat => Confirmed::Unclear,
                })
            }
            (TradeState::Refund, payment) => {
                // With an order its own rules apply; without one the payment came and was refunded.
                if let Ok(number) = OutTradeNo::parse(row.out_trade_no.as_str())
                    && let Some(order) = orders::find(&self.db, &number).await?
                {
                    self.query(&order, by).await?;
                } else if let Some(payment) = payment {
                    let out_trade_no = payment.out_trade_no.clone();
                    let refunds = match self.refunds_at_wechat(&out_trade_no, by_row, None, Call::Usual).await
                    {
                        Ok(refunds) => refunds,
                        Err(QueryError::WeChat(_)) => return Ok(Confirmed::Unclear),
                        Err(error) => return Err(error),
                    };
                    let (payment, now) = (Some(payment.into_inner()), self.clock.now());
                    self.writer.write(RecordExternalRefunds { out_trade_no, payment, refunds, now }).await?;
                }
                Ok(Confirmed::Not(TradeState::Refund.as_str().to_owned()))
            }
            (state, _) => Ok(Confirmed::Not(state.as_str().chars().take(32).collect())),
        }
    }

    /// Stores the refunds of the row's order as a query confirms them.
    async fn confirm_refund(&self, row: &BillRow) -> Result<Confirmed, QueryError> {
        let Ok(out_trade_no) = OutTradeNo::parse(row.out_trade_no.as_str()) else {
            return Ok(Confirmed::Not("other_number".to_owned()));
        };
        let order = orders::find(&self.db, &out_trade_no).await?;
        let by = order.as_ref().map_or_else(|| self.by_row(row), |order| self.by(order));
        let named = match &row.entry {
            BillEntry::Refund { out_refund_no, .. } => OutRefundNo::parse(out_refund_no.as_str()).ok(),
            _ => None,
        };
        let refunds = match self.refunds_at_wechat(&out_trade_no, by, named.as_ref(), Call::Usual).await {
            Ok(refunds) if refunds.is_empty() => return Ok(Confirmed::Not("REFUNDNOTEXIST".to_owned())),
            Ok(refunds) => refunds,
            Err(QueryError::WeChat(error)) => return self.unconfirmed(by.protocol, error),
            Err(error) => return Err(error),
        };
        let now = self.clock.now();
        self.writer.write(RecordExternalRefunds { out_trade_no, payment: None, refunds, now }).await?;
        Ok(Confirmed::Not(TradeState::Refund.as_str().to_owned()))
    }

    /// Queries WeChat about a payment or refund in the books that the bill lacks; returns the reason stored with the difference.
    /// Nothing is written.
    ///
    /// # Errors
    /// [`QueryError`] where it is no use to ask about others: WeChat does not understand us.
    pub(crate) async fn ask_lacking(&self, lacking: &Difference) -> Result<String, QueryError> {
        let payment = TransactionId::parse(lacking.transaction_id.as_str());
        let refund = OutRefundNo::parse(lacking.out_refund_no.as_str());
        let order = match OutTradeNo::parse(lacking.out_trade_no.as_str()) {
            Ok(number) => orders::find(&self.db, &number).await?,
            Err(_) => None,
        };
        let by = order.as_ref().map_or_else(|| self.wechat.first().into(), |order| self.by(order));
        let word = match (lacking.kind, payment, refund) {
            (DifferenceKind::RefundNotThere, _, Ok(refund)) => {
                let query = RefundQuery::OutRefundNo(refund);
                let found = self.query_refunds(by, &query, Call::Usual).await;
                found.map(|found| refund_word(lacking, &found))
            }
            (DifferenceKind::NotThere, Ok(payment), _) => {
                let answer = self.wechat.query_transaction(by, &payment).await;
                let answer = self.record_query(by.protocol, Call::Usual, answer);
                answer.map(|trade| payment_word(lacking, &trade))
            }
            // What WeChat cannot be asked about by its own number.
            _ => return Ok("other_number".to_owned()),
        };
        match word {
            Ok(word) => {
                self.health.understood(by.protocol);
                Ok(word)
            }
            Err(error) => Ok(match self.unconfirmed(by.protocol, error)? {
                Confirmed::Not(word) => word,
                _ => reason::NO_CLEAR_ANSWER.to_owned(),
            }),
        }
    }

    /// By which protocol, and in whose name, WeChat is asked about a row whose order may be another shop's.
    fn by_row<'a>(&self, row: &'a BillRow) -> By<'a> {
        let is_main = row.appid == self.rules.now().apps.main;
        By { protocol: self.wechat.first(), appid: (!is_main).then_some(&row.appid) }
    }

    fn unconfirmed(&self, by: Protocol, error: Error) -> Result<Confirmed, QueryError> {
        tracing::warn!("query for a row of the bill: {error}");
        Ok(match &error {
            Error::NotUnderstood { .. } | Error::Invalid(_) => {
                self.health.stop(by, Cause::NotUnderstood, &error.to_string(), self.clock.now());
                return Err(QueryError::WeChat(error));
            }
            Error::Refused { code, .. } => match code.class() {
                ErrClass::Same | ErrClass::Wait => Confirmed::Unclear,
                ErrClass::Fix | ErrClass::Final | ErrClass::Query => Confirmed::Not(code.to_string()),
            },
            // Signed, and yet not an answer to the query: a repetition brings the same.
            Error::BadField(value) => Confirmed::Not(format!("answer without {}", value.what)),
            Error::Foreign { field } => Confirmed::Not(format!("answer about another {field}")),
            _ => Confirmed::Unclear,
        })
    }
}

/// The stored reason for a refund in the books that the bill lacks, from WeChat's answer.
fn refund_word(lacking: &Difference, found: &Refunds) -> String {
    let amount = found.refunds.first().map(|seen| seen.refund_fee);
    if amount == lacking.ours { reason::CONFIRMED } else { "amount" }.to_owned()
}

/// The stored reason for a payment in the books that the bill lacks, from WeChat's answer.
fn payment_word(lacking: &Difference, trade: &Trade) -> String {
    match (&trade.state, &trade.payment) {
        (TradeState::Success, Some(payment)) if payment.out_trade_no.as_str() != lacking.out_trade_no => {
            "other_number".to_owned()
        }
        (TradeState::Success, Some(payment)) if Some(payment.total_fee) != lacking.ours => {
            "amount".to_owned()
        }
        (TradeState::Success, Some(_)) => reason::CONFIRMED.to_owned(),
        (state, _) => state.as_str().chars().take(32).collect(),
    }
}
