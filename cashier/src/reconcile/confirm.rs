//! Asking WeChat about a payment that only its bill names. A bill is unsigned, so it proves nothing by itself.

use wxpay::bill::{BillEntry, BillRow};
use wxpay::{ErrClass, Error, OutTradeNo, TradeState};

use crate::Inner;
use crate::circuit_breaker::Call;
use crate::db::orders;
use crate::health::Cause;
use crate::query::AskError;
use recharge::command::{Command, Outcome};
use recharge::order::Proof;

/// What WeChat's answer about a payment led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Proven {
    Credited,
    KeptForRefund,
    AlreadyPaid,
    /// Kept as the exception of this id.
    Exception(String),
    /// WeChat does not confirm it: its word, or what is wrong with its answer.
    Not(String),
    /// No clear answer; the same question later may bring one.
    Unclear,
}

impl Inner {
    /// Asks about the payment or refund of a row of the bill and settles what WeChat says of it.
    ///
    /// # Errors
    /// [`AskError`] where it is no use to ask about others: WeChat does not understand us, or nothing can be written.
    pub(super) async fn prove(&self, row: &BillRow, by: &str) -> Result<Proven, AskError> {
        if matches!(row.entry, BillEntry::Refund { .. }) {
            return self.prove_refund(row).await;
        }
        let answer = self.wechat.query_transaction(&row.transaction_id).await;
        let trade = match self.heard_of_queries(Call::Usual, answer) {
            Ok(trade) => trade,
            Err(error) => return self.unproven(error),
        };
        self.health.understood();
        match (trade.state, trade.payment) {
            (TradeState::Success, Some(payment)) => {
                Ok(match self.settle(payment, Proof::Query, by).await? {
                    Outcome::Credited { .. } => Proven::Credited,
                    Outcome::KeptForRefund => Proven::KeptForRefund,
                    Outcome::AlreadyPaid => Proven::AlreadyPaid,
                    Outcome::Exception { id, .. } => Proven::Exception(id),
                    Outcome::AskWeChat => Proven::Unclear,
                })
            }
            (TradeState::Refund, payment) => {
                // The order's own rules know what its refunds mean; without an order it is money that came and went.
                if let Ok(number) = OutTradeNo::parse(row.out_trade_no.as_str())
                    && let Some(order) = orders::find(&self.db, &number).await?
                {
                    self.ask(&order, by).await?;
                } else if let Some(payment) = payment {
                    let out_trade_no = payment.out_trade_no.clone();
                    let refunds = match self.refunds_at_wechat(&out_trade_no, Call::Usual).await {
                        Ok(refunds) => refunds,
                        Err(AskError::WeChat(_)) => return Ok(Proven::Unclear),
                        Err(error) => return Err(error),
                    };
                    let (payment, now) = (Some(Box::new(payment.into_inner())), self.clock.now());
                    self.writer
                        .write(Command::RefundedOutside { out_trade_no, payment, refunds, now })
                        .await?;
                }
                Ok(Proven::Not(TradeState::Refund.as_str().to_owned()))
            }
            (state, _) => Ok(Proven::Not(state.as_str().chars().take(32).collect())),
        }
    }

    /// A refund that we did not ask for is on record as WeChat confirms it, and so is every other one of its order.
    async fn prove_refund(&self, row: &BillRow) -> Result<Proven, AskError> {
        let Ok(out_trade_no) = OutTradeNo::parse(row.out_trade_no.as_str()) else {
            return Ok(Proven::Not("other_number".to_owned()));
        };
        let refunds = match self.refunds_at_wechat(&out_trade_no, Call::Usual).await {
            Ok(refunds) if refunds.is_empty() => return Ok(Proven::Not("REFUNDNOTEXIST".to_owned())),
            Ok(refunds) => refunds,
            Err(AskError::WeChat(error)) => return self.unproven(error),
            Err(error) => return Err(error),
        };
        let now = self.clock.now();
        self.writer.write(Command::RefundedOutside { out_trade_no, payment: None, refunds, now }).await?;
        Ok(Proven::Not(TradeState::Refund.as_str().to_owned()))
    }

    fn unproven(&self, error: Error) -> Result<Proven, AskError> {
        tracing::warn!("what the bill names: {error}");
        Ok(match &error {
            Error::NotUnderstood { .. } | Error::Invalid(_) => {
                self.health.stop(Cause::NotUnderstood, &error.to_string(), self.clock.now());
                return Err(AskError::WeChat(error));
            }
            Error::Refused { code, .. } => match code.class() {
                ErrClass::Same | ErrClass::Wait => Proven::Unclear,
                ErrClass::Fix | ErrClass::Final | ErrClass::Query => Proven::Not(code.to_string()),
            },
            // Signed for us, and yet not what was asked for: asking again brings the same.
            Error::BadField(value) => Proven::Not(format!("answer without {}", value.what)),
            Error::Foreign { field } => Proven::Not(format!("answer about another {field}")),
            _ => Proven::Unclear,
        })
    }
}
